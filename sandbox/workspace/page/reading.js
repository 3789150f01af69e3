// Reads the workspace's state and listens for its changes, one reading at a time.
import { changes, get } from "./door.js";

const SILENCE_MS = 3000;

/** Keeps a page's state as new as the workspace's. */
export class Reading {
  constructor(page) {
    this.page = page;
    this.isStale = false;
    this.running = null;
  }

  /** Reads the newest state; while one reading is on its way a second call only asks for one more. */
  refresh() {
    if (this.running) this.isStale = true;
    else this.running = this.untilFresh().finally(() => (this.running = null));
    return this.running;
  }

  async untilFresh() {
    do {
      this.isStale = false;
      await this.read();
    } while (this.isStale);
  }

  async read() {
    const { page } = this;
    const { me, conversation } = page;
    let state;
    try {
      state = await get("/client/state", { team: me.team, user: me.user, conversation });
    } catch (error) {
      if (error.status === 0) page.connected(false);
      else if (conversation !== "app") page.openConversation("app");
      return;
    }
    // The person may have turned to somebody or something else meanwhile.
    if (me !== page.me || conversation !== page.conversation) this.isStale = true;
    else page.accept(state);
  }

  /** Listens as the page's person, and no longer as the one before. */
  listen() {
    this.stop?.();
    const { team, user } = this.page.me;
    this.stop = changes(team, user, () => this.refresh(), (isUp) => this.heard(isUp));
  }

  heard(isUp) {
    clearTimeout(this.silence);
    // A stream that comes back at once is no news; one that stays away is.
    if (!isUp) this.silence = setTimeout(() => this.page.connected(false), SILENCE_MS);
  }
}
