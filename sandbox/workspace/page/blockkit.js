// Block Kit's blocks, drawn as a Slack user knows them.
import { h } from "./dom.js";
import { drawElement, picture, unknown } from "./elements.js";
import { richText } from "./rich.js";
import { mrkdwn, plain, textObject } from "./text.js";

const DRAW = { section, header, divider, context, actions, input, image, rich_text: rich, markdown };

/** Draws the blocks of a place: a message, the Home tab or a modal. */
export function drawBlocks(page, place) {
  return h(
    "div",
    { class: "blocks" },
    place.blocks.map((block, index) => {
      const draw = DRAW[block.type];
      const key = `${block.type}:${block.block_id ?? index}`;
      const drawn = draw ? draw(page, place, block) : unknown(block.type);
      return h("div", { class: `block block-${draw ? block.type : "unknown"}`, key, "data-block-id": block.block_id }, drawn);
    }),
  );
}

function section(page, place, block) {
  const fields = (block.fields ?? []).map((field) => h("div", { class: "field" }, textObject(field, page.scene)));
  const words = h(
    "div",
    { class: "section-words" },
    block.text ? h("div", { class: "section-text" }, textObject(block.text, page.scene)) : null,
    fields.length ? h("div", { class: "fields" }, fields) : null,
  );
  const accessory = block.accessory
    ? h("div", { class: `accessory accessory-${block.accessory.type}` }, drawElement(page, place, block, block.accessory))
    : null;
  return [words, accessory];
}

function header(_page, _place, block) {
  return h("h3", null, plain(block.text));
}

function divider() {
  return h("hr");
}

function context(page, _place, block) {
  return (block.elements ?? []).map((element) => {
    if (element.type === "image") return picture(element);
    if (element.type === "mrkdwn" || element.type === "plain_text") return h("span", null, textObject(element, page.scene));
    return unknown(element.type);
  });
}

function actions(page, place, block) {
  return (block.elements ?? []).map((element) => drawElement(page, place, block, element));
}

function input(page, place, block) {
  const element = block.element ?? {};
  const id = page.idOf(page.drafts.key(place, block, element));
  const error = place.errors?.[block.block_id];
  const label = plain(block.label);
  const described = [error ? `${id}-error` : null, block.hint ? `${id}-hint` : null].filter(Boolean).join(" ");
  const isGroup = element.type === "radio_buttons" || element.type === "checkboxes";
  const caption = [label, block.optional ? h("span", { class: "optional" }, " (optional)") : null];
  return h(
    "div",
    { class: `input${error ? " has-error" : ""}` },
    isGroup ? h("div", { class: "label" }, caption) : h("label", { class: "label", for: id }, caption),
    drawElement(page, place, block, element, label, described || null),
    error ? h("div", { class: "error", id: `${id}-error`, role: "alert" }, error) : null,
    block.hint ? h("div", { class: "hint", id: `${id}-hint` }, plain(block.hint)) : null,
  );
}

function image(_page, _place, block) {
  return h(
    "figure",
    null,
    block.title ? h("figcaption", null, plain(block.title)) : null,
    block.image_url ? picture(block) : h("span", { class: "unknown" }, block.alt_text ?? "Image"),
  );
}

function rich(page, _place, block) {
  return richText(block, page.scene);
}

function markdown(page, _place, block) {
  return h("div", { class: "section-text" }, mrkdwn(block.text ?? "", page.scene));
}

