// Constructs the page and joins its parts: one object holds what is known, redraw() shows it.
import { keepInAddress, personAtFirst } from "./address.js";
import { conversation } from "./conversation.js";
import { get, post } from "./door.js";
import { h, patch } from "./dom.js";
import { keepFocus } from "./focus.js";
import { menuLayer, settle } from "./menus.js";
import { confirmLayer, modalLayer, toastLayer } from "./modals.js";
import { panel } from "./panel.js";
import { placeOfHome, placeOfMessage, placeOfModal } from "./places.js";
import { newPracticeForm, readPractice, watchPractice } from "./practice.js";
import { Reading } from "./reading.js";
import { sidebar } from "./sidebar.js";
import { newCall } from "./telephone.js";
import { safeAddress } from "./text.js";
import { complaint, Drafts, elementsOf, holdsValue } from "./values.js";

const WIDE = "(min-width: 1100px)";
const TOAST_MS = 8000;

class Page {
  constructor(root) {
    this.root = root;
    this.people = [];
    this.me = { team: "", user: "" };
    this.conversation = "app";
    this.tab = "messages";
    this.state = null;
    this.addresses = {};
    this.practice = null;
    this.practiceForm = newPracticeForm();
    this.call = newCall();
    this.drafts = new Drafts();
    this.reading = new Reading(this);
    this.texts = new Map();
    this.busy = new Set();
    this.timers = new Map();
    this.ids = new Map();
    this.localErrors = new Map();
    this.toasts = [];
    this.menu = null;
    this.asking = null;
    this.drawer = null;
    this.isWide = matchMedia(WIDE).matches;
    this.isPanelOpen = this.isWide;
    this.isConnected = true;
    this.isAtEnd = true;
    this.scene = { zone: undefined, nameOf: (id) => this.nameOf(id), channelOf: (id) => this.channelOf(id) };
  }

  // ——— drawing ———

  /** Draws everything anew before the next frame; many calls make one drawing. */
  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    queueMicrotask(() => {
      this.isDue = false;
      this.draw();
    });
  }

  draw() {
    if (this.menu) this.menu.isPresent = false;
    const isCovered = Boolean(this.asking || this.state?.modals?.length);
    const under = h(
      "div",
      { class: `frame${this.isPanelShown() ? " has-panel" : ""}`, key: "frame", inert: isCovered || null },
      sidebar(this),
      conversation(this),
      panel(this),
      this.drawer ? h("div", { class: "drawer-veil", key: "drawer-veil", onclick: () => this.setDrawer(null) }) : null,
    );
    const modal = modalLayer(this);
    if (this.menu && !this.menu.isPresent) this.menu = null;
    const refocus = keepFocus();
    const layers = [under, modal, confirmLayer(this), menuLayer(this), toastLayer(this)];
    patch(this.root, layers.filter(Boolean));
    refocus();
    const unread = (this.state?.conversations ?? []).reduce((sum, one) => sum + this.unreadOf(one), 0);
    document.title = `${unread ? `(${unread}) ` : ""}${this.state?.conversation?.name ?? "Workspace"} · ${this.state?.team?.name ?? "Sandbox"}`;
  }

  /** Gives how many messages wait elsewhere: what is on the screen is read. */
  unreadOf(one) {
    const isHere = one.kind === "app" ? this.conversation === "app" && this.tab === "messages" : this.conversation === one.id;
    return isHere ? 0 : one.unread;
  }

  /** Gives a key's element id: short and the same as long as the page is open. */
  idOf(key) {
    if (!this.ids.has(key)) this.ids.set(key, `e${this.ids.size + 1}`);
    return this.ids.get(key);
  }

  nameOf(id) {
    return this.people.find((one) => one.user_id === id)?.name ?? null;
  }

  channelOf(id) {
    return this.state?.conversations.find((one) => one.id === id)?.name ?? null;
  }

  // ——— what a person does ———

  /** Puts down a value and tells the app where its block asks for it. */
  async chosen(place, block, element, value) {
    if (!(await this.confirmed(element.confirm))) return;
    if (element.type !== "overflow") this.drafts.write(place, block, element, value);
    place.forgive?.(block.block_id);
    this.redraw();
    if (block.type !== "input" || block.dispatch_action) await this.act(place, block, element, value);
  }

  async act(place, block, element, value) {
    const key = this.drafts.key(place, block, element);
    if (element.type === "button" && this.busy.has(key)) return;
    const { team, user } = this.me;
    const body = { team, user, container: place.container, block_id: block.block_id, action_id: element.action_id, value, state: this.drafts.all(place) };
    await this.whileBusy(key, () => this.tell("/client/action", body));
  }

  loadOptions(place, block, element, query) {
    const { team, user } = this.me;
    return post("/client/options", { team, user, container: place.container, block_id: block.block_id, action_id: element.action_id, value: query });
  }

  async submit(modal) {
    if (this.busy.has(modal.id)) return;
    this.localErrors.delete(modal.id);
    const place = placeOfModal(this, { ...modal, errors: {} });
    const errors = {};
    for (const block of place.blocks.filter((one) => one.type === "input")) {
      for (const element of elementsOf(block).filter(holdsValue)) {
        const words = complaint(block, element, this.drafts.read(place, block, element));
        if (words) errors[block.block_id] = words;
      }
    }
    if (Object.keys(errors).length) {
      this.localErrors.set(modal.id, errors);
      this.redraw();
      queueMicrotask(() => document.querySelector(".modal [aria-invalid='true'], .modal .has-error input")?.focus());
      return;
    }
    const { team, user } = this.me;
    await this.whileBusy(modal.id, () => this.tell("/client/submit", { team, user, view_id: modal.id, state: this.drafts.all(place) }));
  }

  async closeModals(modals) {
    const { team, user } = this.me;
    for (const modal of modals) await this.tell("/client/close", { team, user, view_id: modal.id });
    await this.refresh();
  }

  async send() {
    const text = this.composed().trim();
    if (!text) return;
    const { team, user } = this.me;
    this.compose("");
    this.isAtEnd = true;
    const conversation = this.state?.conversation?.id ?? this.conversation;
    const answer = await this.tell("/client/command", { team, user, conversation, text });
    if (answer && answer.ok === false && answer.error) this.say(`${text.split(" ")[0]}: ${answer.error}`);
  }

  async deleteMessage(ts) {
    const { team, user } = this.me;
    await this.tell("/client/delete", { team, user, channel: this.state.conversation.id, ts });
  }

  async uninstall() {
    await this.tell("/client/uninstall", { team: this.me.team });
  }

  dismiss(id) {
    if (this.toasts.some((toast) => toast.id === id)) {
      this.toasts = this.toasts.filter((toast) => toast.id !== id);
      this.redraw();
    } else this.tell("/client/dismiss", { ...this.me, toast: id });
  }

  /** Asks a button's question; true at once when there is none. */
  confirmed(dialog) {
    if (!dialog) return Promise.resolve(true);
    const before = document.activeElement;
    return new Promise((resolve) => {
      this.asking = {
        dialog,
        answer: (isYes) => {
          this.asking = null;
          this.draw();
          before?.focus?.({ preventScroll: true });
          resolve(isYes);
        },
      };
      this.redraw();
    });
  }

  follow(url) {
    const address = safeAddress(url);
    if (!address) return;
    if (new URLSearchParams(location.search).get("tab") === "same") location.assign(address);
    else window.open(address, "_blank", "noopener,noreferrer");
  }

  // ——— talking to the door ———

  async tell(path, body) {
    try {
      const answer = await post(path, body);
      this.refresh();
      return answer;
    } catch (error) {
      this.say(error.status ? `The workspace says: ${error.message}` : "The sandbox does not answer.");
      return null;
    }
  }

  async whileBusy(key, work) {
    this.busy.add(key);
    this.redraw();
    try {
      return await work();
    } finally {
      this.busy.delete(key);
      this.redraw();
    }
  }

  later(key, wait, work) {
    clearTimeout(this.timers.get(key));
    this.timers.set(key, setTimeout(work, wait));
  }

  say(text) {
    const id = `page-${Date.now()}-${this.toasts.length}`;
    this.toasts.push({ id, text });
    this.redraw();
    setTimeout(() => this.dismiss(id), TOAST_MS);
  }

  refresh() {
    return this.reading.refresh();
  }

  connected(isConnected) {
    if (this.isConnected === isConnected) return;
    this.isConnected = isConnected;
    this.redraw();
  }

  /** Takes a state that was read, and forgets what stood in blocks that are gone. */
  accept(state) {
    const modalBefore = this.state?.modals?.at(-1)?.id;
    const modalNow = state.modals.at(-1)?.id;
    if (!modalBefore && modalNow) this.focusBefore = document.activeElement;
    this.state = state;
    this.isConnected = true;
    this.scene.zone = state.me.tz ?? state.team.tz ?? this.mine()?.tz ?? undefined;
    const apps = state.conversations.filter((one) => one.kind === "app");
    if (!apps.length && this.conversation === "app" && state.conversations.length) this.openConversation(state.conversations[0].id);
    else if (!state.conversation && this.conversation !== "app") this.openConversation("app");
    for (const message of state.messages) if (message.blocks) this.drafts.forgetGone(placeOfMessage(this, message));
    for (const modal of state.modals) this.drafts.forgetGone(placeOfModal(this, modal));
    if (state.home) this.drafts.forgetGone(placeOfHome(this, state.home));
    for (const toast of state.toasts) this.fade(toast.id);
    this.draw();
    if (modalBefore && !modalNow) this.focusBefore?.focus?.({ preventScroll: true });
  }

  fade(id) {
    const key = `toast-${id}`;
    if (!this.timers.has(key)) this.timers.set(key, setTimeout(() => this.dismiss(id), TOAST_MS));
  }

  mine() {
    return this.people.find((one) => one.team_id === this.me.team && one.user_id === this.me.user);
  }

  // ——— where the person is ———

  composed() {
    return this.texts.get(this.textKey()) ?? "";
  }

  compose(text) {
    this.texts.set(this.textKey(), text);
    this.redraw();
  }

  textKey() {
    return `${this.me.team}/${this.me.user}/${this.conversation}`;
  }

  commands() {
    return this.state?.app?.commands ?? [];
  }

  openConversation(id) {
    this.conversation = id;
    this.isAtEnd = true;
    if (this.drawer === "sidebar") this.drawer = null;
    this.remember();
    this.redraw();
    this.refresh();
    if (id === "app") this.announceTab();
  }

  openTab(tab) {
    this.tab = tab;
    this.isAtEnd = true;
    this.remember();
    this.redraw();
    this.announceTab();
  }

  announceTab() {
    if (this.state?.app?.installed === false) return;
    // Somebody who has left opens nothing: that is no news.
    post("/client/home", { ...this.me, tab: this.tab }).catch(() => null);
  }

  async become(team, user) {
    const isNewTeam = team !== this.me.team;
    Object.assign(this, { me: { team, user }, state: null, menu: null, asking: null, isAtEnd: true });
    if (isNewTeam && this.conversation !== "app") this.conversation = "app";
    this.remember();
    this.redraw();
    await this.refresh();
    this.reading.listen();
    if (this.conversation === "app" && this.state) this.announceTab();
  }

  remember() {
    keepInAddress(this.me, this.conversation, this.tab);
  }

  setDrawer(drawer) {
    this.drawer = drawer;
    this.redraw();
    const id = drawer === "panel" ? "panel" : "sidebar";
    if (drawer) queueMicrotask(() => document.querySelector(`#${id} button:not([hidden])`)?.focus());
  }

  isPanelShown() {
    return this.isWide ? this.isPanelOpen : this.drawer === "panel";
  }

  togglePanel() {
    if (!this.isWide) return this.setDrawer(this.drawer === "panel" ? null : "panel");
    this.isPanelOpen = !this.isPanelOpen;
    return this.redraw();
  }

  lookAtPractice() {
    this.practiceWatch?.look();
  }

  // ——— beginning ———

  async start() {
    const [{ people }, addresses] = await Promise.all([get("/client/people"), get("/client/addresses").catch(() => ({}))]);
    this.people = people;
    this.addresses = addresses ?? {};
    const query = new URLSearchParams(location.search);
    const who = personAtFirst(people, query);
    this.conversation = query.get("conversation") || "app";
    this.tab = query.get("view") === "home" ? "home" : "messages";
    if (this.addresses.practice) {
      this.practiceWatch = watchPractice(this.addresses.practice, (raw) => this.seePractice(raw));
    }
    this.listenToWindow();
    await this.become(who.team_id, who.user_id);
    // On a phone the keyboard would cover what the newcomer is to see first.
    if (this.isWide) document.getElementById("composer")?.focus();
  }

  seePractice(raw) {
    const text = JSON.stringify(raw);
    if (text === this.practiceText) return;
    this.practiceText = text;
    this.practice = readPractice(raw);
    this.redraw();
  }

  listenToWindow() {
    matchMedia(WIDE).addEventListener("change", (event) => {
      this.isWide = event.matches;
      this.drawer = null;
      this.redraw();
    });
    const follow = () => {
      if (this.menu) settle(document.querySelector(".menu"), document.getElementById(this.idOf(this.menu.key)));
    };
    addEventListener("scroll", follow, { capture: true, passive: true });
    addEventListener("resize", follow);
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (this.asking) this.asking.answer(false);
      else if (this.state?.modals?.length) this.closeModals([this.state.modals.at(-1)]);
      else if (this.drawer) this.setDrawer(null);
    });
  }
}

const root = document.getElementById("root");
root.replaceChildren();
new Page(root).start().catch((error) => {
  const note = document.createElement("p");
  note.className = "starting";
  note.textContent = `The workspace did not open: ${error.message}.`;
  root.replaceChildren(note);
});
