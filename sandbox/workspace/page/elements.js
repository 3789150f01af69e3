// Block Kit's elements: buttons and everything that holds a value.
import { h } from "./dom.js";
import { overflow, select } from "./menus.js";
import { link, plain, safeAddress, textObject } from "./text.js";

const TYPING_PAUSE_MS = 250;

/** Draws one element of a block; `label` and `described` come from an input block. */
export function drawElement(page, place, block, element, label, described) {
  const draw = {
    button,
    overflow,
    static_select: select,
    external_select: select,
    users_select: select,
    plain_text_input: textInput,
    number_input: textInput,
    email_text_input: textInput,
    url_text_input: textInput,
    radio_buttons: choices,
    checkboxes: choices,
    datepicker: moment,
    timepicker: moment,
    image: (_page, _place, _block, image) => picture(image),
  }[element?.type];
  if (!draw) return unknown(element?.type);
  return draw(page, place, block, element, label, described);
}

/** Draws the box that stands for what the page does not know. */
export function unknown(type) {
  return h("div", { class: "unknown", role: "note" }, `Unknown block: ${type ?? "without a type"}`);
}

/** Draws an image; only http(s) addresses and no referrer. */
export function picture(image) {
  const src = image.image_url && safeAddress(image.image_url);
  return src
    ? h("img", { src, alt: image.alt_text ?? "", loading: "lazy", referrerpolicy: "no-referrer" })
    : h("span", { class: "unknown" }, image.alt_text ?? "Image");
}

function button(page, place, block, element) {
  const key = page.drafts.key(place, block, element);
  const isBusy = page.busy.has(key);
  const style = element.style ? ` is-${element.style === "danger" ? "danger" : "primary"}` : "";
  const props = {
    id: page.idOf(key),
    key,
    class: `button${style}${isBusy ? " is-busy" : ""}`,
    "aria-label": element.accessibility_label || null,
    "aria-busy": isBusy ? "true" : null,
    "data-action-id": element.action_id,
  };
  const text = h("span", { class: "button-text" }, plain(element.text));
  const act = () => page.act(place, block, element, null);
  if (element.url && safeAddress(element.url) && !element.confirm) {
    return link(element.url, text, { ...props, role: "button", onclick: act });
  }
  const press = async () => {
    if (!(await page.confirmed(element.confirm))) return;
    if (element.url) page.follow(element.url);
    await act();
  };
  return h("button", { ...props, type: "button", onclick: press }, text);
}

function textInput(page, place, block, element, label, described) {
  const key = page.drafts.key(place, block, element);
  const value = page.drafts.read(place, block, element) ?? "";
  const when = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const isDispatching = block.dispatch_action === true;
  const send = () => page.act(place, block, element, page.drafts.read(place, block, element) || null);
  const id = page.idOf(key);
  const props = {
    id,
    key,
    class: "text-input",
    placeholder: plain(element.placeholder) || null,
    "aria-label": label ? null : plain(element.placeholder) || "Text",
    "aria-describedby": described,
    "aria-invalid": place.errors?.[block.block_id] ? "true" : null,
    "aria-required": block.optional ? null : "true",
    "data-action-id": element.action_id,
    "data-focus-first": element.focus_on_load ? "" : null,
    autocomplete: "off",
    maxlength: element.max_length ?? (element.type === "plain_text_input" ? 3000 : null),
    value,
    oninput: (event) => {
      page.drafts.write(place, block, element, event.target.value);
      place.forgive?.(block.block_id);
      page.redraw();
      if (isDispatching && when.includes("on_character_entered")) page.later(key, TYPING_PAUSE_MS, send);
    },
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
      const isLong = element.multiline && !(event.ctrlKey || event.metaKey);
      if (isLong) return;
      event.preventDefault();
      if (isDispatching && when.includes("on_enter_pressed")) send();
      else place.submit?.();
    },
  };
  if (element.multiline) {
    return h("div", { class: "text-area", key }, h("textarea", { ...props, rows: 4 }), counter(element, value));
  }
  const modes = { number_input: "decimal", email_text_input: "email", url_text_input: "url" };
  return h("input", { ...props, type: "text", inputmode: modes[element.type] ?? "text" });
}

function counter(element, value) {
  if (!element.max_length || value.length < element.max_length * 0.8) return null;
  return h("span", { class: "counter", "aria-hidden": "true" }, String(element.max_length - value.length));
}

function choices(page, place, block, element, label, described) {
  const key = page.drafts.key(place, block, element);
  const isOne = element.type === "radio_buttons";
  const value = page.drafts.read(place, block, element);
  const isChecked = (option) => (isOne ? value === option.value : (value ?? []).includes(option.value));
  const pick = (option, isOn) => {
    const rest = (value ?? []).filter?.((one) => one !== option.value) ?? [];
    page.chosen(place, block, element, isOne ? option.value : isOn ? [...rest, option.value] : rest);
  };
  const name = page.idOf(key);
  return h(
    "div",
    { class: "choices", role: isOne ? "radiogroup" : "group", "aria-label": label ?? "Choices", "aria-describedby": described, key },
    (element.options ?? []).map((option, index) =>
      h(
        "label",
        { class: "choice", key: option.value },
        h("input", {
          id: `${name}-${index}`,
          type: isOne ? "radio" : "checkbox",
          name,
          checked: isChecked(option),
          onchange: (event) => pick(option, event.target.checked),
        }),
        h(
          "span",
          null,
          textObject(option.text, page.scene),
          option.description ? h("span", { class: "option-more" }, textObject(option.description, page.scene)) : null,
        ),
      ),
    ),
  );
}

function moment(page, place, block, element, label, described) {
  const key = page.drafts.key(place, block, element);
  const isDate = element.type === "datepicker";
  return h("input", {
    id: page.idOf(key),
    key,
    type: isDate ? "date" : "time",
    class: "text-input moment",
    "aria-label": label ? null : plain(element.placeholder) || (isDate ? "Date" : "Time"),
    "aria-describedby": described,
    "data-action-id": element.action_id,
    value: page.drafts.read(place, block, element) ?? "",
    onchange: (event) => page.chosen(place, block, element, event.target.value || null),
  });
}
