// The middle: a channel or the app, its messages, its Home tab and the composer.
import { drawBlocks } from "./blockkit.js";
import { h, icon } from "./dom.js";
import { placeOfHome, placeOfMessage } from "./places.js";
import { clock, dayName, mrkdwn } from "./text.js";

const NEAR_BOTTOM_PX = 80;

/** Draws the chosen conversation with its header. */
export function conversation(page) {
  const { state } = page;
  const isApp = page.conversation === "app";
  const here = state?.conversation;
  const isHome = isApp && page.tab === "home";
  const name = here?.name ?? (isApp ? state?.app?.name : "") ?? "";
  return h(
    "main",
    { class: "conversation", "aria-label": name || "Conversation" },
    h(
      "header",
      { class: "topbar" },
      h(
        "button",
        {
          type: "button",
          class: "icon-button only-narrow",
          "aria-label": "Open the sidebar",
          "aria-controls": "sidebar",
          onclick: () => page.setDrawer("sidebar"),
        },
        icon("menu"),
        state?.conversations?.some((one) => page.unreadOf(one)) ? h("span", { class: "dot" }) : null,
      ),
      h("h1", null, isApp ? h("span", { class: "app-mark", "aria-hidden": "true" }) : icon("hash"), h("span", null, name)),
      isApp ? tabs(page) : null,
      h(
        "button",
        {
          type: "button",
          class: `icon-button panel-toggle${page.isPanelShown() ? " is-on" : ""}`,
          "aria-label": "Telephone and practice",
          "aria-controls": "panel",
          "aria-expanded": page.isPanelShown() ? "true" : "false",
          "data-testid": "panel-toggle",
          onclick: () => page.togglePanel(),
        },
        icon("phone"),
      ),
    ),
    page.isConnected ? null : h("div", { class: "offline", role: "status" }, "The sandbox does not answer. Trying again …"),
    state && !state.app.installed ? absent(page, state) : null,
    isHome ? home(page) : [messages(page), composer(page, name)],
  );
}

function absent(page, state) {
  const { install } = page.addresses;
  const words = `${state.app.name} is not installed in ${state.team.name}. `;
  return h("div", { class: "offline", role: "status" }, words, install ? h("a", { href: install }, "Add it to this workspace") : null);
}

function tabs(page) {
  const tab = (id, words) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        class: page.tab === id ? "is-here" : "",
        "aria-selected": page.tab === id ? "true" : "false",
        onclick: () => page.openTab(id),
        onkeydown: (event) => {
          if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
          page.openTab(page.tab === "home" ? "messages" : "home");
          (event.target.nextElementSibling ?? event.target.previousElementSibling)?.focus();
        },
      },
      words,
    );
  return h("div", { class: "tabs", role: "tablist", "aria-label": "App" }, tab("home", "Home"), tab("messages", "Messages"));
}

function home(page) {
  const view = page.state?.home;
  const place = view ? placeOfHome(page, view) : null;
  return h(
    "section",
    { class: "scroll home", key: "home", role: "tabpanel", "aria-label": "Home", tabindex: "0" },
    place
      ? h("div", { class: "home-blocks" }, drawBlocks(page, place))
      : h("p", { class: "nothing" }, page.state?.app?.installed ? "The app has not filled this page yet." : "The app is not installed."),
  );
}

function messages(page) {
  const { state } = page;
  const list = state?.messages ?? [];
  let day = null;
  let before = null;
  const rows = list.flatMap((message) => {
    const at = new Date(message.time);
    const name = dayName(at, page.scene.zone);
    const divider = name === day ? null : h("div", { class: "day", key: `day-${name}` }, h("span", null, name));
    const isFollowing = !divider && follows(before, message);
    day = name;
    before = message;
    return [divider, drawMessage(page, message, at, isFollowing)];
  });
  const label = `Messages in ${state?.conversation?.name ?? "this conversation"}`;
  return h(
    "section",
    {
      class: "scroll log",
      key: `log-${page.me.team}-${page.me.user}-${page.conversation}`,
      role: "log",
      "aria-live": "polite",
      "aria-label": label,
      tabindex: "0",
      onscroll: (event) => {
        const node = event.target;
        page.isAtEnd = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_BOTTOM_PX;
      },
      drawn: (node) => {
        if (page.isAtEnd) queueMicrotask(() => (node.scrollTop = node.scrollHeight));
      },
    },
    h("div", { class: "log-inside" }, list.length ? rows : beginning(page)),
  );
}

function follows(before, message) {
  if (!before || before.author !== message.author || message.is_app || message.ephemeral || before.ephemeral) return false;
  return new Date(message.time) - new Date(before.time) < 5 * 60000;
}

function beginning(page) {
  const { state } = page;
  if (!state) return null;
  const isApp = page.conversation === "app";
  const words = isApp
    ? `Messages from ${state.app.name} to you arrive here. End a call on the telephone to get one.`
    : `This is the start of #${state.conversation?.name ?? "the channel"}. Type a slash command, or end a call on the telephone.`;
  return h("div", { class: "nothing" }, words);
}

function drawMessage(page, message, at, isFollowing) {
  const place = message.blocks ? placeOfMessage(page, message) : null;
  const initials = message.author.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
  const avatar = message.is_app
    ? h("span", { class: "avatar avatar-app", "aria-hidden": "true" })
    : h("span", { class: `avatar tone-${toneOf(message.author)}`, "aria-hidden": "true" }, initials);
  return h(
    "article",
    {
      class: `message${message.ephemeral ? " is-ephemeral" : ""}${isFollowing ? " is-following" : ""}`,
      key: message.ts,
      "data-testid": "message",
      // Not a stop of Tab: the focus rests here when the button that had it is gone.
      tabindex: "-1",
      "data-ts": message.ts,
      "data-ephemeral": message.ephemeral ? "true" : "false",
      "aria-label": `${message.author} at ${clock(at, page.scene.zone)}`,
    },
    message.ephemeral ? h("div", { class: "only-you" }, icon("eye"), h("span", null, "Only visible to you")) : null,
    isFollowing ? h("span", { class: "avatar-gap" }) : avatar,
    h(
      "div",
      { class: "message-body" },
      isFollowing
        ? null
        : h(
            "div",
            { class: "byline" },
            h("b", null, message.author),
            message.is_app ? h("span", { class: "app-tag" }, "App") : null,
            h("time", { datetime: message.time }, clock(at, page.scene.zone)),
          ),
      place ? drawBlocks(page, place) : h("div", { class: "message-text" }, mrkdwn(message.text ?? "", page.scene)),
      message.edited ? h("span", { class: "edited" }, "(edited)") : null,
    ),
    message.ephemeral ? null : bin(page, message),
  );
}

function bin(page, message) {
  const words = { title: "Delete message", text: "The message disappears for everybody.", confirm: "Delete", deny: "Cancel", style: "danger" };
  const press = async () => {
    if (await page.confirmed(words)) await page.deleteMessage(message.ts);
  };
  return h("button", { type: "button", class: "icon-button bin", "aria-label": "Delete message", title: "Delete message", onclick: press }, icon("bin"));
}

function toneOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 997;
  return sum % 6;
}

function composer(page, name) {
  const text = page.composed();
  const send = () => page.send();
  const isCommand = text.startsWith("/");
  return h(
    "form",
    {
      class: "composer",
      key: "composer",
      onsubmit: (event) => {
        event.preventDefault();
        send();
      },
    },
    isCommand ? hints(page, text) : null,
    h(
      "div",
      { class: "composer-box", key: "box" },
      h("textarea", {
        id: "composer",
        rows: 1,
        "aria-label": "Message",
        "aria-describedby": "composer-hint",
        "data-testid": "composer",
        placeholder: page.conversation === "app" ? `Message ${name}` : `Message #${name}`,
        value: text,
        oninput: (event) => page.compose(event.target.value),
        onkeydown: (event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          } else if (event.key === "Tab" && !event.shiftKey && text === "/" && page.commands().length) {
            event.preventDefault();
            page.compose(`${page.commands()[0].command} `);
          }
        },
        drawn: (node) => {
          node.style.height = "auto";
          node.style.height = `${Math.min(node.scrollHeight, 160)}px`;
        },
      }),
      h("button", { type: "submit", class: "send", "aria-label": "Send", disabled: !text.trim() }, icon("send")),
    ),
    h("p", { class: "composer-hint", id: "composer-hint" }, h("kbd", null, "Enter"), " sends · type ", h("kbd", null, "/"), " for commands"),
  );
}

function hints(page, text) {
  const fitting = page.commands().flatMap((one) =>
    one.examples
      .map((example) => `${one.command} ${example}`.trim())
      .filter((whole) => whole.startsWith(text.trimEnd()) && whole !== text.trim())
      .map((whole) => ({ whole, about: one.about })),
  );
  if (!fitting.length) return null;
  return h(
    "div",
    { class: "hints", key: "hints", role: "group", "aria-label": "Slash commands" },
    fitting.map((one) =>
      h(
        "button",
        {
          type: "button",
          class: "hint-row",
          key: one.whole,
          onclick: () => {
            page.compose(one.whole);
            document.getElementById("composer")?.focus();
          },
        },
        h("b", null, one.whole),
        h("span", null, one.about),
      ),
    ),
  );
}
