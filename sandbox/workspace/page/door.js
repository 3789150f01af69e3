// The one place that speaks HTTP: the workspace's door, and the small doors of the pretend practice and telephone.

async function answerOf(response) {
  const text = await response.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = {};
  }
  if (!response.ok) throw new DoorError(response.status, body);
  return body;
}

/** An answer that was not a success, or no answer at all (status 0). */
export class DoorError extends Error {
  constructor(status, body) {
    const reason = body?.message ?? body?.error ?? body?.detail;
    super(typeof reason === "string" ? reason : status ? `answered ${status}` : "did not answer");
    this.status = status;
  }
}

async function asked(url, options) {
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...options });
  } catch {
    throw new DoorError(0, null);
  }
  return answerOf(response);
}

/** Reads JSON; `query` becomes the query string. */
export function get(url, query) {
  return asked(query ? `${url}?${new URLSearchParams(query)}` : url, {});
}

/** Posts JSON and reads the answer; a page that is being left still sends it. */
export function post(url, body) {
  const headers = { "content-type": "application/json" };
  const text = JSON.stringify(body ?? {});
  // Browsers refuse keepalive above 64 KiB.
  return asked(url, { method: "POST", headers, body: text, keepalive: text.length < 15000 });
}

/** Sends a DELETE and reads the answer. */
export function remove(url) {
  return asked(url, { method: "DELETE" });
}

/** Listens for changes of one person's view; gives a function that stops. The browser reconnects by itself. */
export function changes(team, user, changed, connection) {
  const source = new EventSource(`/client/changes?${new URLSearchParams({ team, user })}`);
  source.onmessage = changed;
  source.onopen = () => {
    connection(true);
    changed();
  };
  source.onerror = () => connection(false);
  return () => source.close();
}
