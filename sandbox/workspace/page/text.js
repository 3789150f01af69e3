// Slack's text to described elements. Text is data: nothing here ever makes markup out of a string.
import { h } from "./dom.js";
import { emojiOf } from "./emoji.js";

/** Decodes the three entities that Slack's text knows, once. */
export function decoded(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

/** Gives the address when a browser may follow it, else null: javascript: is not an address. */
export function safeAddress(url) {
  try {
    const parsed = new URL(url);
    return ["http:", "https:", "mailto:", "tel:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** Draws a link; the page's ?tab=same keeps it in this tab, which a test or a phone may prefer. */
export function link(url, label, props = {}) {
  const href = safeAddress(url);
  if (!href) return h("span", null, label);
  const sameTab = new URLSearchParams(location.search).get("tab") === "same";
  const where = sameTab ? {} : { target: "_blank", rel: "noopener noreferrer" };
  return h("a", { href, ...where, ...props }, label);
}

function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emojiOf(name) ?? whole);
}

/** Draws a plain_text object (or a string) with its emoji and line ends. */
export function plain(object) {
  if (object === null || object === undefined) return "";
  const text = typeof object === "string" ? object : (object.text ?? "");
  return typeof object === "object" && object.emoji === false ? text : withEmoji(text);
}

/** Draws a text object: mrkdwn or plain_text. */
export function textObject(object, scene) {
  if (!object) return null;
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "", scene, object.verbatim);
  return lines(plain(object));
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

/** Draws Slack's mrkdwn: code blocks, quotes, then what stands within a line. */
export function mrkdwn(text, scene, verbatim = false) {
  const parts = text.split(/```/);
  return parts.flatMap((part, index) => {
    const isCode = index % 2 === 1 && index < parts.length - 1;
    if (isCode) return [h("pre", null, decoded(part.replace(/^\n|\n$/g, "")))];
    const opened = index % 2 === 1 ? "```" + part : part;
    return quotes(opened, scene, verbatim);
  });
}

const QUOTE = /^(?:&gt;|>)(?!&gt;|>) ?/;
const BULLET = /^(\s*)([•◦▪-]|\d+\.) +(?=\S)/;

function quotes(text, scene, verbatim) {
  const drawn = [];
  let quoted = [];
  const flush = () => {
    if (quoted.length) drawn.push(h("blockquote", null, paragraph(quoted, scene, verbatim)));
    quoted = [];
  };
  let open = [];
  const flushOpen = () => {
    if (open.length && open.join("").length) drawn.push(...paragraph(open, scene, verbatim));
    open = [];
  };
  for (const line of text.split("\n")) {
    if (QUOTE.test(line)) {
      flushOpen();
      quoted.push(line.replace(QUOTE, ""));
    } else {
      flush();
      open.push(line);
    }
  }
  flush();
  flushOpen();
  return drawn;
}

function paragraph(texts, scene, verbatim) {
  return texts.flatMap((line, index) => {
    const bullet = BULLET.exec(line);
    if (bullet) {
      const rest = inline(line.slice(bullet[0].length), scene, verbatim);
      const depth = 1 + Math.floor(bullet[1].length / 2);
      const mark = bullet[2] === "-" ? "•" : bullet[2];
      const indent = `padding-left:${depth * 1.25}em`;
      return [h("span", { class: "bullet", style: indent }, h("i", null, mark, " "), rest)];
    }
    const needsBreak = index > 0 && !BULLET.test(texts[index - 1]);
    return [needsBreak ? h("br") : null, ...inline(line, scene, verbatim)];
  });
}

const INLINE = [
  ["code", /`([^`\n]+)`/],
  ["angle", /<([^<>\n]+)>/],
  ["b", /(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]*[^\s*])\*(?![\p{L}\p{N}*])/u],
  ["i", /(?<![\p{L}\p{N}_])_(?=\S)([^_\n]*[^\s_]|[^\n]*?[^\s_])_(?![\p{L}\p{N}_])/u],
  ["s", /(?<![\p{L}\p{N}~])~(?=\S)([^~\n]*[^\s~])~(?![\p{L}\p{N}~])/u],
  ["url", /https?:\/\/[^\s<>|*~`]+[^\s<>|*~`.,;:!?)\]'"’”]/],
];

/** Draws what may stand within one line. */
function inline(text, scene, verbatim) {
  let first = null;
  for (const [kind, pattern] of INLINE) {
    if (kind === "url" && verbatim) continue;
    const match = pattern.exec(text);
    if (match && (!first || match.index < first.match.index)) first = { kind, match };
  }
  if (!first) return text ? [withEmoji(decoded(text))] : [];
  const { kind, match } = first;
  return [
    ...inline(text.slice(0, match.index), scene, verbatim),
    marked(kind, match, scene, verbatim),
    ...inline(text.slice(match.index + match[0].length), scene, verbatim),
  ];
}

function marked(kind, match, scene, verbatim) {
  if (kind === "code") return h("code", null, decoded(match[1]));
  if (kind === "angle") return angle(match[1], scene);
  if (kind === "url") return link(decoded(match[0]), decoded(match[0]));
  return h(kind, null, inline(match[1], scene, verbatim));
}

/** Draws <…>: a person, a channel, a date, a group or a link. */
function angle(inside, scene) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? null : inside.slice(bar + 1);
  if (target.startsWith("@")) return mention(`@${scene.nameOf(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (target.startsWith("#")) return mention(`#${label ?? scene.channelOf(target.slice(1)) ?? target.slice(1)}`);
  if (target.startsWith("!date^")) return date(target, label, scene);
  if (target.startsWith("!")) return mention(`@${label ?? target.slice(1).split("^")[0]}`);
  return link(decoded(target), label === null ? decoded(target) : inline(label, scene, true));
}

function mention(name) {
  return h("span", { class: "mention" }, decoded(name));
}

/** Draws <!date^unix^tokens^link|fallback> in the reader's zone.
 *  Source: https://docs.slack.dev/messaging/formatting-message-text#date-formatting */
function date(target, fallback, scene) {
  const [, unix, format, address] = target.split("^");
  const at = new Date(Number(unix) * 1000);
  if (!format || Number.isNaN(at.getTime())) return h("span", null, decoded(fallback ?? ""));
  const text = decoded(format).replace(/\{(\w+)\}/g, (whole, token) => dateToken(token, at, scene.zone) ?? whole);
  const title = decoded(fallback ?? text);
  return address ? link(decoded(address), text, { title }) : h("time", { title, datetime: at.toISOString() }, text);
}

function dateToken(token, at, zone) {
  const say = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }).format(at);
  const long = { day: "numeric", month: "long", year: "numeric" };
  const plainToken = token.replace(/_pretty$/, "");
  if (plainToken !== token) {
    const days = daysFromToday(at, zone);
    const near = { "0": "today", "-1": "yesterday", "1": "tomorrow" }[String(days)];
    if (near) return near;
  }
  switch (plainToken) {
    case "date_num": return new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(at);
    case "date": return say(long);
    case "date_slash": return say({ day: "2-digit", month: "2-digit", year: "numeric" });
    case "date_short": return say({ day: "numeric", month: "short", year: "numeric" });
    case "date_long": return say({ weekday: "long", ...long });
    case "date_long_full": return say({ weekday: "long", ...long });
    case "day_divider_pretty": return say({ weekday: "long", day: "numeric", month: "long" });
    case "time": return clock(at, zone);
    case "time_secs": return say({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    case "ago": return ago(at);
    default: return null;
  }
}

/** Gives 14:05 as the person's wall clock shows it. */
export function clock(at, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" }).format(at);
}

function dayNumber(at, zone) {
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(at);
  return Date.parse(`${day}T00:00:00Z`) / 86400000;
}

function daysFromToday(at, zone) {
  return dayNumber(at, zone) - dayNumber(new Date(), zone);
}

/** Gives the words over a day's messages: Today, Yesterday, Monday 3 November. */
export function dayName(at, zone) {
  const days = daysFromToday(at, zone);
  if (days === 0) return "Today";
  if (days === -1) return "Yesterday";
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "long", day: "numeric", month: "long" }).format(at);
}

function ago(at) {
  const minutes = Math.round((Date.now() - at.getTime()) / 60000);
  if (Math.abs(minutes) < 1) return "now";
  const [count, unit] = Math.abs(minutes) < 60 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"];
  return new Intl.RelativeTimeFormat("en-GB").format(-count, unit);
}
