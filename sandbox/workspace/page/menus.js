// Menus that open: static and external selects (a combobox with a listbox) and the overflow menu.
import { h, icon } from "./dom.js";
import { optionsOf } from "./values.js";
import { plain, textObject } from "./text.js";

const DEBOUNCE_MS = 150;
const SHORTEST_QUERY = 3; // Slack's default of min_query_length

/** Draws a select; `label` names it when the block has one, else its placeholder does. */
export function select(page, place, block, element, label, described) {
  const key = page.drafts.key(place, block, element);
  const menu = present(page, key, { place, block, element });
  const id = page.idOf(key);
  const placeholder = plain(element.placeholder) || "Choose an option";
  const chosen = chosenText(page, place, block, element);
  const on = menuKeys(page, () => open(page, key, { place, block, element }));
  return h(
    "div",
    { class: `select${menu ? " is-open" : ""}`, key },
    h("input", {
      id,
      key,
      type: "text",
      role: "combobox",
      "aria-label": label ?? placeholder,
      "aria-expanded": menu ? "true" : "false",
      "aria-haspopup": "listbox",
      "aria-autocomplete": "list",
      "aria-controls": menu ? `${id}-list` : null,
      "aria-activedescendant": menu && menu.active >= 0 ? `${id}-${menu.active}` : null,
      "aria-describedby": described,
      "data-action-id": element.action_id,
      autocomplete: "off",
      spellcheck: "false",
      class: chosen ? "has-choice" : "",
      title: menu ? null : chosen || null,
      placeholder: menu && chosen ? chosen : placeholder,
      value: menu ? menu.query : chosen,
      onmousedown: () => {
        const now = page.menu?.key === key;
        if (now && !page.menu.query) close(page);
        else if (!now) open(page, key, { place, block, element });
      },
      oninput: (event) => {
        const typed = event.target.value;
        if (page.menu?.key !== key) open(page, key, { place, block, element }, typed);
        else ask(page, typed, DEBOUNCE_MS);
      },
      onkeydown: on,
      onblur: () => {
        if (page.menu?.key === key) close(page);
      },
    }),
    icon("down"),
  );
}

/** Gives what a select offers: its own options, or the people of the workspace. */
function choicesOf(page, element) {
  if (element.type !== "users_select") return optionsOf(element);
  return page.people
    .filter((one) => one.team_id === page.me.team)
    .map((one) => ({ text: { type: "plain_text", text: one.name }, value: one.user_id }));
}

function chosenText(page, place, block, element) {
  const value = page.drafts.read(place, block, element);
  if (value === null || value === undefined) return "";
  if (element.type === "external_select") return plain(value.text);
  const option = choicesOf(page, element).find((one) => one.value === value);
  return option ? plain(option.text) : "";
}

/** Draws the three dots with more choices behind them. */
export function overflow(page, place, block, element) {
  const key = page.drafts.key(place, block, element);
  const menu = present(page, key, { place, block, element });
  const id = page.idOf(key);
  const toggle = () => (page.menu?.key === key ? close(page) : open(page, key, { place, block, element }));
  return h(
    "button",
    {
      id,
      key,
      type: "button",
      class: "button overflow",
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      "aria-expanded": menu ? "true" : "false",
      "aria-activedescendant": menu && menu.active >= 0 ? `${id}-${menu.active}` : null,
      "data-action-id": element.action_id,
      onclick: toggle,
      onkeydown: menuKeys(page, toggle),
      onblur: () => {
        if (page.menu?.key === key) close(page);
      },
    },
    icon("more"),
  );
}

/** Marks the open menu as still on the page, so that a redraw keeps it open with the newest block. */
function present(page, key, where) {
  if (page.menu?.key !== key) return null;
  Object.assign(page.menu, where, { isPresent: true });
  return page.menu;
}

function open(page, key, where, query = "") {
  page.menu = { key, ...where, query, groups: [], active: -1, isLoading: false, note: null, isPresent: true, asked: 0 };
  ask(page, query, 0);
}

export function close(page) {
  clearTimeout(page.menu?.timer);
  page.menu = null;
  page.redraw();
}

function ask(page, query, wait) {
  const menu = page.menu;
  const { element } = menu;
  menu.query = query;
  clearTimeout(menu.timer);
  if (element.type !== "external_select") {
    const source = element.type === "users_select" ? { options: choicesOf(page, element) } : element;
    show(page, menu, filtered(groupsOf(source), query));
    return;
  }
  const shortest = element.min_query_length ?? SHORTEST_QUERY;
  const number = ++menu.asked;
  if (query.length < shortest) {
    const missing = shortest === 1 ? "Type to search" : `Type at least ${shortest} characters to search`;
    Object.assign(menu, { isLoading: false, note: missing, groups: [], active: -1 });
    page.redraw();
    return;
  }
  Object.assign(menu, { isLoading: true, note: null });
  menu.timer = setTimeout(async () => {
    let answer;
    try {
      answer = await page.loadOptions(menu.place, menu.block, menu.element, query);
    } catch (error) {
      answer = { error: error.message };
    }
    if (page.menu !== menu || menu.asked !== number) return;
    menu.isLoading = false;
    if (answer.error) {
      Object.assign(menu, { note: "Options could not be loaded", groups: [], active: -1 });
      page.redraw();
    } else show(page, menu, groupsOf(answer));
  }, wait);
  page.redraw();
}

function show(page, menu, groups) {
  const all = groups.flatMap((group) => group.options);
  const current = page.drafts.read(menu.place, menu.block, menu.element);
  const value = current?.value ?? current;
  const at = menu.query ? -1 : all.findIndex((option) => option.value === value);
  const first = menu.element.type === "overflow" ? -1 : 0;
  Object.assign(menu, { groups, active: all.length ? Math.max(at, first) : -1, note: all.length ? null : "No results" });
  menu.shouldReveal = true;
  page.redraw();
}

function groupsOf(source) {
  if (source.option_groups) {
    return source.option_groups
      .map((group) => ({ label: plain(group.label), options: group.options ?? [] }))
      .filter((group) => group.options.length);
  }
  return [{ label: null, options: source.options ?? [] }];
}

function filtered(groups, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (option) => {
    const text = `${plain(option.text)} ${plain(option.description)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return groups
    .map((group) => ({ ...group, options: group.options.filter(fits) }))
    .filter((group) => group.options.length);
}

function menuKeys(page, toggle) {
  return (event) => {
    const { key } = event;
    if (!page.menu) {
      if (key === "ArrowDown" || key === "ArrowUp" || (key === "Enter" && event.target.getAttribute("role") === "combobox")) {
        event.preventDefault();
        toggle();
      }
      return;
    }
    const menu = page.menu;
    const all = menu.groups.flatMap((group) => group.options);
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[key];
    if (move && all.length) {
      event.preventDefault();
      const wrapped = Math.abs(move) === 1 ? (menu.active + move + all.length) % all.length : menu.active + move;
      menu.active = Math.min(Math.max(wrapped, 0), all.length - 1);
      menu.shouldReveal = true;
      page.redraw();
    } else if (key === "Enter" || (key === " " && menu.element.type === "overflow")) {
      event.preventDefault();
      if (!menu.isLoading && all[menu.active]) choose(page, all[menu.active]);
    } else if (key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      close(page);
    }
  };
}

function choose(page, option) {
  const { place, block, element } = page.menu;
  close(page);
  const value = element.type === "external_select" ? option : option.value;
  if (element.type === "overflow" && option.url) page.follow(option.url);
  page.chosen(place, block, element, value);
}

/** Draws the list of the open menu in a layer of its own, beside its input. */
export function menuLayer(page) {
  const menu = page.menu;
  if (!menu) return null;
  const id = page.idOf(menu.key);
  const isMenu = menu.element.type === "overflow";
  let at = -1;
  const option = (one) => {
    at += 1;
    const here = at;
    const isChosen = !isMenu && isCurrent(page, menu, one);
    return h(
      "div",
      {
        id: `${id}-${here}`,
        key: `${here}:${one.value}`,
        role: isMenu ? "menuitem" : "option",
        class: `option${here === menu.active ? " is-active" : ""}`,
        "aria-selected": isMenu ? null : isChosen ? "true" : "false",
        onclick: () => choose(page, one),
        onmousemove: () => {
          if (menu.active === here) return;
          menu.active = here;
          page.redraw();
        },
      },
      h("span", { class: "option-text" }, textObject(one.text, page.scene)),
      one.description ? h("span", { class: "option-more" }, textObject(one.description, page.scene)) : null,
      isChosen ? icon("tick") : null,
    );
  };
  const groups = menu.groups.map((group, index) =>
    group.label
      ? h(
          "div",
          { role: "group", "aria-labelledby": `${id}-g${index}`, key: `g${index}` },
          h("div", { class: "group-label", id: `${id}-g${index}`, role: "presentation" }, group.label),
          group.options.map(option),
        )
      : group.options.map(option),
  );
  const list = { id: `${id}-list`, role: isMenu ? "menu" : "listbox", "aria-label": "Options", "aria-busy": menu.isLoading ? "true" : null };
  return h(
    "div",
    {
      class: "menu",
      "data-testid": "menu",
      key: menu.key,
      // The input keeps the focus: a press in the list must not take it.
      onmousedown: (event) => event.preventDefault(),
      drawn: (node) => {
        settle(node, document.getElementById(id));
        if (menu.shouldReveal) {
          menu.shouldReveal = false;
          document.getElementById(`${id}-${menu.active}`)?.scrollIntoView({ block: "nearest" });
        }
      },
    },
    h("div", list, groups),
    menu.isLoading && !menu.groups.some((group) => group.options.length)
      ? h("div", { class: "menu-note", role: "status" }, "Loading…")
      : null,
    menu.note ? h("div", { class: "menu-note", role: "status" }, menu.note) : null,
  );
}

function isCurrent(page, menu, option) {
  const current = page.drafts.read(menu.place, menu.block, menu.element);
  return current !== null && (current?.value ?? current) === option.value;
}

/** Puts a layer beside its anchor: below where there is room, else above. */
export function settle(node, anchor) {
  if (!anchor) return;
  const box = anchor.getBoundingClientRect();
  const wide = document.documentElement.clientWidth;
  const tall = window.visualViewport?.height ?? window.innerHeight;
  const width = Math.min(Math.max(box.width, 300), wide - 16);
  const left = Math.max(8, Math.min(box.left, wide - width - 8));
  const below = tall - box.bottom - 12;
  const above = box.top - 12;
  const isBelow = below >= 240 || below >= above;
  Object.assign(node.style, {
    left: `${left}px`,
    width: `${width}px`,
    maxHeight: `${Math.max(120, Math.min(340, isBelow ? below : above))}px`,
    top: isBelow ? `${box.bottom + 4}px` : "auto",
    bottom: isBelow ? "auto" : `${window.innerHeight - box.top + 4}px`,
  });
}
