// A pretend telephone: who took the call, who called, how long; then the call ends.
import { post } from "./door.js";
import { h, icon } from "./dom.js";
import { field, segments } from "./controls.js";
import { allNumbers } from "./practice.js";

// Kept for films and books by New Zealand's number plan, like 555: nobody answers there.
const UNKNOWN_NUMBER = "021 555 0999";
const FIXED = [
  ["unknown", `Unknown number (${UNKNOWN_NUMBER})`],
  ["typed", "Another number …"],
  ["withheld", "Withheld number"],
  ["internal", "Internal call with a colleague"],
];

const SYSTEMS = [
  ["standard", "Any system (our own format)"],
  ["vxt", "VXT"],
  ["aircall", "Aircall"],
  ["twilio", "Twilio"],
  ["dialpad", "Dialpad"],
  ["ringcentral", "RingCentral"],
  ["zoom", "Zoom Phone"],
  ["3cx", "3CX"],
];

/** Gives the empty form: twelve minutes, incoming, answered. */
export function newCall() {
  return { email: null, system: "standard", caller: null, number: "", direction: "inbound", answered: true, minutes: "12", seconds: "0", notes: "", said: null };
}

/** Draws the telephone. */
export function telephonePart(page) {
  const call = page.call;
  const set = (changes) => {
    Object.assign(call, changes);
    page.redraw();
  };
  const people = whoCanAnswer(page);
  const email = people.some((one) => one.email === call.email) ? call.email : (people[0]?.email ?? "");
  const numbers = allNumbers(page.practice);
  const caller = callerOf(call, numbers);
  const end = () => endCall(page, { ...call, email, caller }, numbers);
  return h(
    "section",
    { class: "card telephone", "aria-label": "Telephone" },
    h("h3", null, icon("phone"), "Telephone"),
    field(
      "Who took it",
      h(
        "select",
        { value: email, "data-testid": "call-staff", onchange: (event) => set({ email: event.target.value }) },
        people.map((one) => h("option", { value: one.email, key: one.email }, one.words)),
      ),
    ),
    field(
      "With",
      h(
        "select",
        { value: caller, "data-testid": "call-with", onchange: (event) => set({ caller: event.target.value }) },
        h("optgroup", { label: "Any", key: "any" }, FIXED.map(([value, words]) => h("option", { value, key: value }, words))),
        groupsOf(numbers).map(([client, all]) =>
          h("optgroup", { label: client, key: client }, all.map((one) => h("option", { value: one.id, key: one.id }, `${one.name} · ${one.number}`))),
        ),
      ),
    ),
    field(
      "As sent by",
      h(
        "select",
        { value: call.system, "data-testid": "call-system", onchange: (event) => set({ system: event.target.value }) },
        SYSTEMS.map(([value, words]) => h("option", { value, key: value }, words)),
      ),
    ),
    caller === "typed"
      ? field("Number", h("input", { type: "tel", "data-testid": "call-number", value: call.number, placeholder: "+64 21 555 0100", oninput: (event) => set({ number: event.target.value }) }))
      : null,
    segments("direction", "Direction", call.direction, [["inbound", "Incoming"], ["outbound", "Outgoing"]], (direction) => set({ direction })),
    segments("answered", "Outcome", call.answered ? "yes" : "no", [["yes", "Answered"], ["no", "Missed"]], (value) => set({ answered: value === "yes" })),
    h(
      "div",
      { class: "pair" },
      field("Minutes", h("input", { type: "number", min: 0, max: 600, "data-testid": "call-minutes", value: call.minutes, disabled: !call.answered, oninput: (event) => set({ minutes: event.target.value }) })),
      field("Seconds", h("input", { type: "number", min: 0, max: 59, "data-testid": "call-seconds", value: call.seconds, disabled: !call.answered, oninput: (event) => set({ seconds: event.target.value }) })),
    ),
    h(
      "button",
      { type: "button", class: `button end-call${page.busy.has("call") ? " is-busy" : ""}`, "data-testid": "end-call", disabled: !email, onclick: end },
      h("span", { class: "button-text" }, "End the call"),
    ),
    h("p", { class: `said${call.said?.isBad ? " is-bad" : ""}`, role: "status", "data-testid": "call-said" }, call.said?.words ?? ""),
  );
}

function whoCanAnswer(page) {
  const team = page.people.filter((one) => one.team_id === page.me.team && one.email);
  const mine = team.filter((one) => one.user_id === page.me.user);
  const others = team.filter((one) => one.user_id !== page.me.user);
  const known = new Set(team.map((one) => one.email));
  const strangers = (page.practice?.staff ?? []).filter((one) => one.email && !known.has(one.email));
  const unique = new Map();
  for (const one of [...mine, ...others]) unique.set(one.email, { email: one.email, words: one.name });
  for (const one of strangers) unique.set(one.email, { email: one.email, words: `${one.name} (not in this workspace)` });
  return [...unique.values()];
}

function callerOf(call, numbers) {
  const isKnown = FIXED.some(([value]) => value === call.caller) || numbers.some((one) => one.id === call.caller);
  if (isKnown) return call.caller;
  return (numbers.find((one) => one.name !== one.client) ?? numbers[0])?.id ?? "unknown";
}

function groupsOf(numbers) {
  const groups = new Map();
  for (const one of numbers) groups.set(one.client, [...(groups.get(one.client) ?? []), one]);
  return [...groups.entries()];
}

function spoken(call, numbers) {
  const talk = Math.max(0, Math.round(Number(call.minutes) || 0) * 60 + Math.round(Number(call.seconds) || 0));
  const sent = {
    ...(call.system === "standard" ? {} : { system: call.system }),
    user_email: call.email,
    direction: call.direction,
    answered: call.answered,
    talk_seconds: call.answered ? talk : 0,
    ring_seconds: 8,
  };
  if (call.caller === "withheld") return { ...sent, external_number: null };
  if (call.caller === "internal") return { ...sent, external_number: "204", internal: true };
  if (call.caller === "typed") return { ...sent, external_number: call.number.trim() };
  if (call.caller === "unknown") return { ...sent, external_number: UNKNOWN_NUMBER };
  const known = numbers.find((one) => one.id === call.caller);
  return { ...sent, external_number: known?.number ?? UNKNOWN_NUMBER };
}

async function endCall(page, call, numbers) {
  if (page.busy.has("call")) return;
  await page.whileBusy("call", async () => {
    try {
      const answer = await post(`${page.addresses.telephone}/calls`, spoken(call, numbers));
      const isGood = answer.status >= 200 && answer.status < 300;
      if (isGood && page.drawer === "panel") page.setDrawer(null);
      page.call.said = { words: isGood ? "The call ended and the app was told." : refusal(answer.status), isBad: !isGood };
    } catch (error) {
      page.call.said = { words: error.status ? `The telephone says: ${error.message}` : "The telephone does not answer.", isBad: true };
    }
  });
}

function refusal(status) {
  if (status === 0) return "The app did not answer.";
  if (status === 401 || status === 403) return `The app refused the call (${status}): the telephone's secret is not the app's.`;
  if (status === 404) return "The app knows no such telephone (404): add a phone system first.";
  return `The app answered ${status}.`;
}
