// rich_text blocks: sections, lists, quotes and preformatted text.
import { h } from "./dom.js";
import { emojiOf } from "./emoji.js";
import { clock, link } from "./text.js";

/** Draws a rich_text block. */
export function richText(block, scene) {
  return h("div", { class: "rich" }, (block.elements ?? []).map((part) => richPart(part, scene)));
}

function richPart(part, scene) {
  const inside = () => (part.elements ?? []).map((piece) => richPiece(piece, scene));
  switch (part.type) {
    case "rich_text_section": return h("p", null, inside());
    case "rich_text_quote": return h("blockquote", null, inside());
    case "rich_text_preformatted": return h("pre", null, inside());
    case "rich_text_list": {
      const style = part.indent ? `margin-left:${Number(part.indent) * 1.5}em` : null;
      const items = (part.elements ?? []).map((item) => h("li", null, richPart(item, scene)));
      return h(part.style === "ordered" ? "ol" : "ul", { style }, items);
    }
    default: return h("span", { class: "unknown" }, `Unknown block: ${part.type}`);
  }
}

function richPiece(piece, scene) {
  switch (piece.type) {
    case "text": return styled(lineEnds(piece.text ?? ""), piece.style);
    case "link": return styled(link(piece.url ?? "", piece.text || piece.url), piece.style);
    case "emoji": return emojiOf(piece.name) ?? `:${piece.name}:`;
    case "user": return h("span", { class: "mention" }, `@${scene.nameOf(piece.user_id) ?? piece.user_id}`);
    case "channel": return h("span", { class: "mention" }, `#${scene.channelOf(piece.channel_id) ?? piece.channel_id}`);
    case "broadcast": return h("span", { class: "mention" }, `@${piece.range}`);
    case "date": return h("time", null, piece.fallback ?? clock(new Date(piece.timestamp * 1000), scene.zone));
    default: return h("span", { class: "unknown" }, `Unknown block: ${piece.type}`);
  }
}

function lineEnds(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

function styled(inside, style) {
  let drawn = inside;
  if (style?.code) drawn = h("code", null, drawn);
  if (style?.bold) drawn = h("b", null, drawn);
  if (style?.italic) drawn = h("i", null, drawn);
  if (style?.strike) drawn = h("s", null, drawn);
  return drawn;
}
