// The panel's small controls.
import { h } from "./dom.js";

/** Draws a labelled control of the panel. */
export function field(label, control) {
  return h("label", { class: "control" }, h("span", null, label), control);
}

/** Draws a choice among few as a row of buttons that are radios underneath. */
export function segments(name, label, chosen, options, pick) {
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", null, label),
    h(
      "div",
      null,
      options.map(([value, words]) =>
        h(
          "label",
          { class: chosen === value ? "is-here" : "", key: value },
          h("input", { type: "radio", name, value, checked: chosen === value, onchange: () => pick(value) }),
          words,
        ),
      ),
    ),
  );
}
