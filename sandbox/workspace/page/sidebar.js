// The left side: the workspace, who you are, channels and the app.
import { h, icon } from "./dom.js";

/** Draws the sidebar; on a phone it is a drawer. */
export function sidebar(page) {
  const { state, people, me, drawer } = page;
  const open = (id) => page.openConversation(id);
  const row = (one) => {
    const isApp = one.kind === "app";
    const unread = page.unreadOf(one);
    const isHere = isApp ? page.conversation === "app" : page.conversation === one.id;
    return h(
      "li",
      { key: one.id },
      h(
        "button",
        {
          type: "button",
          class: `place${isHere ? " is-here" : ""}${unread ? " has-news" : ""}`,
          "aria-current": isHere ? "page" : null,
          "data-conversation": isApp ? "app" : one.id,
          onclick: () => open(isApp ? "app" : one.id),
        },
        isApp ? h("span", { class: "app-mark", "aria-hidden": "true" }) : icon("hash"),
        h("span", { class: "place-name" }, one.name),
        unread ? h("span", { class: "badge", "aria-label": `${unread} unread` }, unread) : null,
      ),
    );
  };
  const ofKind = (kind) => (state?.conversations ?? []).filter((one) => one.kind === kind).map(row);
  const apps = ofKind("app");
  return h(
    "nav",
    { class: `sidebar${drawer === "sidebar" ? " is-out" : ""}`, id: "sidebar", "aria-label": "Workspace" },
    h(
      "div",
      { class: "workspace" },
      h("span", { class: "workspace-mark", "aria-hidden": "true" }, (state?.team?.name ?? "·").slice(0, 1)),
      h("span", { class: "workspace-name" }, state?.team?.name ?? ""),
      h(
        "button",
        { type: "button", class: "icon-button only-narrow", "aria-label": "Close the sidebar", onclick: () => page.setDrawer(null) },
        icon("close"),
      ),
    ),
    personSwitch(page, people, me),
    h("div", { class: "places" }, [
      h("h2", null, "Channels"),
      h("ul", null, ofKind("channel")),
      h("h2", null, "Apps"),
      apps.length ? h("ul", null, apps) : h("p", { class: "quiet" }, "No app in this workspace"),
    ]),
    h("p", { class: "sidebar-foot" }, "A pretend workspace on this computer. Nothing here reaches Slack or Xero."),
  );
}

function personSwitch(page, people, me) {
  const teams = [...new Map(people.map((one) => [one.team_id, one.team_name])).entries()];
  const words = { owner: "owner", guest: "guest", left: "has left" };
  return h(
    "label",
    { class: "person-switch" },
    h("span", { class: "person-switch-label" }, "You are"),
    h("span", { class: "person-switch-box" },
      h(
        "select",
        {
          "data-testid": "person",
          value: `${me.team}/${me.user}`,
          onchange: (event) => page.become(...event.target.value.split("/")),
        },
        teams.map(([id, name]) =>
          h(
            "optgroup",
            { label: name, key: id },
            people
              .filter((one) => one.team_id === id)
              .map((one) =>
                h(
                  "option",
                  { value: `${one.team_id}/${one.user_id}`, key: one.user_id },
                  words[one.role] ? `${one.name} (${words[one.role]})` : one.name,
                ),
              ),
          ),
        ),
      ),
      icon("down"),
    ),
  );
}
