// What lies over the page: the app's modals, a button's confirmation and toasts.
import { drawBlocks } from "./blockkit.js";
import { h, icon } from "./dom.js";
import { placeOfModal } from "./places.js";
import { plain, textObject } from "./text.js";

const FOCUSABLE = "input, textarea, select, button, a[href], [tabindex='0']";

function focusFirst(node) {
  queueMicrotask(() => {
    const body = node.querySelector(".modal-body, .confirm-body");
    const wanted = node.querySelector("[data-focus-first]") ?? body?.querySelector("input, textarea, select") ?? node;
    wanted.focus({ preventScroll: true });
  });
}

/** Keeps Tab inside the dialog. */
function keepInside(event) {
  if (event.key !== "Tab") return;
  const all = [...event.currentTarget.querySelectorAll(FOCUSABLE)].filter((node) => !node.disabled && node.offsetParent);
  if (!all.length) return;
  const edge = event.shiftKey ? all[0] : all.at(-1);
  if (document.activeElement !== edge && document.activeElement !== event.currentTarget) return;
  event.preventDefault();
  (event.shiftKey ? all.at(-1) : all[0]).focus();
}

/** Draws the modal on top of the stack. */
export function modalLayer(page) {
  const modals = page.state?.modals ?? [];
  const modal = modals.at(-1);
  if (!modal) return null;
  const { view } = modal;
  const place = placeOfModal(page, modal);
  const isBusy = modal.busy || page.busy.has(modal.id);
  const titleId = `title-${modal.id}`;
  const submit = () => page.submit(modal);
  const close = () => page.closeModals([modal]);
  return h(
    "div",
    { class: "veil", key: `veil-${modal.id}` },
    h(
      "form",
      {
        class: `modal${isBusy ? " is-busy" : ""}`,
        role: "dialog",
        "aria-modal": "true",
        "aria-labelledby": titleId,
        "aria-busy": isBusy ? "true" : null,
        tabindex: "-1",
        "data-view-id": modal.id,
        novalidate: true,
        mounted: focusFirst,
        onsubmit: (event) => {
          event.preventDefault();
          if (view.submit) submit();
        },
        onkeydown: (event) => {
          keepInside(event);
          if (event.key === "Escape" && !page.menu) {
            event.preventDefault();
            close();
          }
        },
      },
      h(
        "header",
        null,
        h("h2", { id: titleId }, plain(view.title)),
        modals.length > 1 ? h("span", { class: "depth" }, `${modals.length} of 3`) : null,
        h(
          "button",
          { type: "button", class: "icon-button", "aria-label": "Close dialog", onclick: () => page.closeModals([...modals].reverse()) },
          icon("close"),
        ),
      ),
      h("div", { class: "modal-body" }, drawBlocks(page, place)),
      h(
        "footer",
        null,
        h("button", { type: "button", class: "button", onclick: close }, plain(view.close) || (view.submit ? "Cancel" : "Close")),
        view.submit
          ? h(
              "button",
              { type: "submit", class: `button is-primary${isBusy ? " is-busy" : ""}`, disabled: isBusy },
              h("span", { class: "button-text" }, plain(view.submit)),
            )
          : null,
      ),
    ),
  );
}

/** Draws the question that a button asks before it acts. */
export function confirmLayer(page) {
  const ask = page.asking;
  if (!ask) return null;
  const { dialog } = ask;
  const isDanger = dialog.style === "danger";
  return h(
    "div",
    { class: "veil veil-confirm", key: "confirm" },
    h(
      "div",
      {
        class: "modal confirm",
        role: "alertdialog",
        "aria-modal": "true",
        "aria-labelledby": "confirm-title",
        "aria-describedby": "confirm-text",
        tabindex: "-1",
        mounted: focusFirst,
        onkeydown: (event) => {
          keepInside(event);
          if (event.key === "Escape") {
            event.preventDefault();
            event.stopPropagation();
            ask.answer(false);
          }
        },
      },
      h("header", null, h("h2", { id: "confirm-title" }, plain(dialog.title))),
      h("div", { class: "confirm-body", id: "confirm-text" }, textObject(typeof dialog.text === "string" ? { text: dialog.text } : dialog.text, page.scene)),
      h(
        "footer",
        null,
        h("button", { type: "button", class: "button", onclick: () => ask.answer(false) }, plain(dialog.deny) || "Cancel"),
        h(
          "button",
          {
            type: "button",
            class: `button ${isDanger ? "is-danger-full" : "is-primary"}`,
            "data-focus-first": "",
            onclick: () => ask.answer(true),
          },
          plain(dialog.confirm) || "Yes",
        ),
      ),
    ),
  );
}

/** Draws the short sentences at the foot of the page. */
export function toastLayer(page) {
  const all = [...(page.state?.toasts ?? []), ...page.toasts];
  return h(
    "div",
    { class: "toasts", key: "toasts", role: "status", "aria-live": "polite" },
    all.map((toast) =>
      h(
        "div",
        { class: "toast", key: toast.id, "data-testid": "toast" },
        h("span", null, toast.text),
        h("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: () => page.dismiss(toast.id) }, icon("close")),
      ),
    ),
  );
}
