// The pretend practice, watched: what was written, what can go wrong, jobs that close.
import { get, post, remove } from "./door.js";
import { h } from "./dom.js";
import { field } from "./controls.js";

const EVERY_MS = 2000;
const FAULTS = [
  ["late", "Answers late (5 s)", { seconds: 5 }],
  ["late_write", "Cuts, then writes late (5 s)", { seconds: 5 }],
  ["cut_before", "Cuts before writing", {}],
  ["cut_after", "Cuts after writing", {}],
  ["rate", "Too many requests (429)", {}],
  ["500", "Fails (500)", {}],
  ["500_after", "Writes, then fails (500)", {}],
  ["503", "Unavailable (503)", {}],
  ["half", "Half an answer", {}],
  ["malformed", "Malformed answer", {}],
  ["dead_token", "Token stops working", {}],
  ["dead_grant", "Consent withdrawn", {}],
  ["down", "Down until cleared", { times: -1 }],
];
const NO_DOUBT = ["down", "dead_token", "dead_grant"];
const STATES = ["Completed", "Cancelled", "In Progress"];

/** Gives the empty practice form. */
export function newPracticeForm() {
  return { fault: "late", on: "time.api/add", times: "1", job: null, state: "Completed", tenant: null, said: null };
}

/** Reads the practice's state every two seconds while the page is seen; gives a function that stops. */
export function watchPractice(address, changed) {
  let isStopped = false;
  let timer = null;
  const look = async () => {
    clearTimeout(timer);
    if (isStopped) return;
    if (!document.hidden) {
      try {
        changed(await get(`${address}/sandbox/state`));
      } catch {
        changed(null);
      }
    }
    timer = setTimeout(look, EVERY_MS);
  };
  document.addEventListener("visibilitychange", look);
  look();
  return { look, stop: () => ((isStopped = true), clearTimeout(timer)) };
}

/** Translates the practice's view once, so that the rest of the page has its own words. */
export function readPractice(raw) {
  if (!raw) return null;
  return {
    clients: raw.clients.map((client) => ({ name: client.name, numbers: numbersOf(client) })),
    staff: raw.staff.map(({ name, email }) => ({ name, email })),
    jobs: raw.jobs.map(({ number, name, state }) => ({ number, name, state })),
    times: raw.times.map((time) => ({
      id: time.uuid,
      minutes: time.minutes,
      job: time.job,
      jobName: time.job_name,
      task: time.task,
      staff: time.staff,
      date: time.date,
      note: time.note,
      isInvoiced: time.invoiced,
    })),
    faults: raw.faults.filter((fault) => fault.times !== 0),
    // Two people may have connected the same practice.
    tenants: [...new Map(raw.connections.map((one) => [one.tenant, { id: one.tenant, name: one.name }])).values()],
  };
}

function numbersOf(client) {
  const own = client.phone ? [{ name: client.name, number: client.phone }] : [];
  const contacts = client.contacts.flatMap(({ name, mobile, phone }) => [mobile, phone].map((number) => ({ name, number })));
  return [...own, ...contacts.filter((one) => one.number)];
}

/** Gives every number a call can come from, with a name for its place in the menu. */
export function allNumbers(practice) {
  const all = new Map();
  for (const client of practice?.clients ?? []) {
    for (const one of client.numbers) {
      const id = `${client.name}|${one.name}|${one.number}`;
      all.set(id, { id, client: client.name, ...one });
    }
  }
  return [...all.values()];
}

/** Draws what happens in the practice. */
export function practicePart(page) {
  const { practice } = page;
  if (!practice) return h("section", { class: "card" }, h("h3", null, "Practice"), h("p", { class: "quiet" }, "The practice does not answer."));
  return [times(page, practice), faults(page, practice), jobs(page, practice)];
}

function times(page, practice) {
  const invoice = (time) => tell(page, `/sandbox/times/${encodeURIComponent(time.id)}/invoice`, {}, "Marked as invoiced.");
  const row = (time) =>
    h(
      "li",
      { key: time.id, "data-testid": "time", "data-job": time.job },
      h("b", { class: "time-minutes" }, `${time.minutes} min`),
      h(
        "div",
        null,
        h("div", { class: "time-job" }, `${time.job} ${time.jobName}`.trim()),
        h("div", { class: "quiet" }, [time.task, time.staff, spokenDate(time.date)].filter(Boolean).join(" · ")),
        time.note ? h("div", { class: "time-note" }, time.note) : null,
        time.isInvoiced
          ? h("span", { class: "tag" }, "Invoiced")
          : h("button", { type: "button", class: "link-button", onclick: () => invoice(time) }, "Mark as invoiced"),
      ),
    );
  return h(
    "section",
    { class: "card", key: "times", "aria-label": "Times in XPM", "data-testid": "times" },
    h("h3", null, "Times in XPM", h("span", { class: "count", "data-testid": "times-count" }, practice.times.length)),
    practice.times.length
      ? h("ul", { class: "times" }, practice.times.slice(0, 12).map(row))
      : h("p", { class: "quiet" }, "None yet. A saved call appears here."),
  );
}

/** Says a date like 23 Nov 2026, kept on one line. */
function spokenDate(date) {
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime())) return date;
  const words = at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  return words.replaceAll(" ", "\u00a0");
}

function faults(page, practice) {
  const form = page.practiceForm;
  const set = (changes) => {
    Object.assign(form, changes);
    page.redraw();
  };
  const [kind, words, more] = FAULTS.find(([one]) => one === form.fault);
  const start = () =>
    tell(page, "/sandbox/faults", { kind, on: form.on, times: Number(form.times) || 1, seconds: 5, ...more }, `Set: ${words}. ${whatToWatch(form)}`);
  const clear = () => tell(page, "/sandbox/faults", null, "XPM is well again.");
  return h(
    "section",
    { class: "card", key: "faults", "aria-label": "Trouble in XPM", "data-testid": "faults" },
    h("h3", null, "Trouble in XPM", practice.faults.length ? h("span", { class: "count is-bad" }, practice.faults.length) : null),
    field(
      "What goes wrong",
      h("select", { value: form.fault, "data-testid": "fault-kind", onchange: (event) => set({ fault: event.target.value }) },
        FAULTS.map(([id, text]) => h("option", { value: id, key: id }, text))),
    ),
    h(
      "div",
      { class: "pair" },
      field(
        "On",
        h("select", { value: form.on, "data-testid": "fault-on", onchange: (event) => set({ on: event.target.value }) }, [
          h("option", { value: "time.api/add", key: 1 }, "Saving a time"),
          h("option", { value: "time.api", key: 2 }, "All of times"),
          h("option", { value: "job.api", key: 3 }, "Jobs"),
          h("option", { value: "client.api", key: 4 }, "Clients"),
          h("option", { value: "", key: 5 }, "All of XPM"),
        ]),
      ),
      field("How often", h("select", { value: form.times, "data-testid": "fault-times", onchange: (event) => set({ times: event.target.value }) }, [
        h("option", { value: "1", key: 1 }, "Once"),
        h("option", { value: "3", key: 3 }, "3 times"),
        h("option", { value: "-1", key: -1 }, "Until cleared"),
      ])),
    ),
    h(
      "div",
      { class: "row" },
      h("button", { type: "button", class: "button", "data-testid": "fault-start", onclick: start }, "Make it so"),
      h("button", { type: "button", class: "button", "data-testid": "fault-clear", disabled: !practice.faults.length, onclick: clear }, "Clear all"),
    ),
    practice.faults.length
      ? h("ul", { class: "active-faults" }, practice.faults.map((one, index) => h("li", { key: index }, faultWords(one))))
      : null,
    h("p", { class: `said${form.said?.isBad ? " is-bad" : ""}`, role: "status", "data-testid": "practice-said" }, form.said?.words ?? ""),
  );
}

/** Says what a newcomer can see of the trouble that was just made. */
function whatToWatch({ fault, on }) {
  if (!on.startsWith("time.api")) return "";
  if (NO_DOUBT.includes(fault)) return "Save a time now: its message says that the minutes are safe and what they wait for.";
  const soon = ["cut_before", "late_write"].includes(fault) ? "within three minutes" : "within half a minute";
  return `Save a time now and watch its message: ${soon} it says what became of it, and XPM has the time once.`;
}

function faultWords(fault) {
  const known = FAULTS.find(([kind]) => kind === fault.kind)?.[1] ?? fault.kind;
  const left = fault.times;
  const often = left === -1 ? "until cleared" : left === 1 ? "once" : `${left} times`;
  return `${known} · ${fault.on || "all of XPM"} · ${often}`;
}

function jobs(page, practice) {
  const form = page.practiceForm;
  const set = (changes) => {
    Object.assign(form, changes);
    page.redraw();
  };
  const job = practice.jobs.some((one) => one.number === form.job) ? form.job : (practice.jobs[0]?.number ?? "");
  const tenants = practice.tenants;
  const change = () => tell(page, `/sandbox/jobs/${encodeURIComponent(job)}/state`, { state: form.state }, `${job} is now ${form.state.toLowerCase()}.`);
  const cut = (tenant) => tell(page, "/sandbox/disconnect", { tenant: tenant.id }, `${tenant.name} is disconnected from Xero's side.`);
  return h(
    "section",
    { class: "card", key: "jobs", "aria-label": "Jobs and connection", "data-testid": "jobs" },
    h("h3", null, "Jobs and connection"),
    field(
      "Job",
      h("select", { value: job, "data-testid": "job", onchange: (event) => set({ job: event.target.value }) },
        practice.jobs.map((one) => h("option", { value: one.number, key: one.number }, `${one.number} ${one.name} (${one.state})`))),
    ),
    h(
      "div",
      { class: "row" },
      h("select", { value: form.state, "aria-label": "New state", "data-testid": "job-state", onchange: (event) => set({ state: event.target.value }) },
        STATES.map((one) => h("option", { value: one, key: one }, one))),
      h("button", { type: "button", class: "button", "data-testid": "job-change", disabled: !job, onclick: change }, "Change"),
    ),
    tenants.length
      ? tenants.map((tenant) =>
          h("button", { type: "button", class: "button wide", key: tenant.id, "data-testid": "xero-disconnect", onclick: () => cut(tenant) }, `Disconnect ${tenant.name} in Xero`))
      : h("p", { class: "quiet" }, "No practice is connected."),
  );
}

async function tell(page, path, body, done) {
  const form = page.practiceForm;
  try {
    const url = `${page.addresses.practice}${path}`;
    await (body === null ? remove(url) : post(url, body));
    form.said = { words: done, isBad: false };
  } catch (error) {
    form.said = { words: error.status ? `The practice says: ${error.message}` : "The practice does not answer.", isBad: true };
  }
  page.redraw();
  page.lookAtPractice();
}
