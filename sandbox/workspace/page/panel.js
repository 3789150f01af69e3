// The right side: a telephone to place calls with, and what happens in the practice.
import { h, icon } from "./dom.js";
import { practicePart } from "./practice.js";
import { telephonePart } from "./telephone.js";

/** Draws the panel; parts whose address is unknown are left out. */
export function panel(page) {
  const { addresses } = page;
  return h(
    "aside",
    { class: `panel${page.isPanelShown() ? " is-out" : ""}`, id: "panel", "aria-label": "Telephone and practice", "data-testid": "panel" },
    h(
      "header",
      null,
      h("h2", null, "Telephone and practice"),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close the panel", onclick: () => page.togglePanel() },
        icon("close"),
      ),
    ),
    h("div", { class: "panel-parts" }, [
      addresses.telephone ? h("div", { key: "telephone" }, telephonePart(page)) : null,
      addresses.practice ? h("div", { key: "practice" }, practicePart(page)) : null,
      h("div", { key: "workspace" }, workspacePart(page)),
    ]),
  );
}

function workspacePart(page) {
  const { state, addresses } = page;
  const isInstalled = state?.app?.installed;
  const words = {
    title: "Remove the app?",
    text: `${state?.app?.name ?? "The app"} is removed from ${state?.team?.name ?? "this workspace"}, as a workspace admin would do it.`,
    confirm: "Remove",
    deny: "Cancel",
    style: "danger",
  };
  const removeApp = async () => {
    if (await page.confirmed(words)) await page.uninstall();
  };
  return h(
    "section",
    { class: "card", "aria-label": "Workspace" },
    h("h3", null, "Workspace"),
    isInstalled
      ? h("button", { type: "button", class: "button", "data-testid": "uninstall", onclick: removeApp }, "Remove the app")
      : h("p", { class: "quiet" }, "The app is not installed here."),
    !isInstalled && addresses.install
      ? h("a", { class: "button is-primary", role: "button", href: addresses.install, "data-testid": "install" }, "Add the app")
      : null,
  );
}
