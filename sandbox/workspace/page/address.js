// Who and where one is, kept in the page's address so that a reload and a way back from sign-in find it again.

/** Puts the person and the place into the address; the person is also kept for a way back that names only the team. */
export function keepInAddress(me, conversation, tab) {
  const query = new URLSearchParams(location.search);
  query.set("team", me.team);
  query.set("user", me.user);
  query.set("conversation", conversation);
  if (tab === "home") query.set("view", "home");
  else query.delete("view");
  history.replaceState(null, "", `?${query}`);
  const kept = JSON.stringify(me);
  // Each browser tab may be somebody else; a new one begins as the last.
  sessionStorage.setItem("person", kept);
  localStorage.setItem("person", kept);
}

/** Gives the person to begin as: the address's, this tab's, the last one's, else the team's first. */
export function personAtFirst(people, query) {
  const team = query.get("team");
  const wishes = [{ team, user: query.get("user") }, ...[sessionStorage, localStorage].map((storage) => keptIn(storage))];
  for (const wish of wishes) {
    const found = people.find((one) => one.team_id === (team ?? wish.team) && one.user_id === wish.user);
    if (found) return found;
  }
  return people.find((one) => one.team_id === team) ?? people[0];
}

function keptIn(storage) {
  try {
    return JSON.parse(storage.getItem("person") ?? "{}");
  } catch {
    return {};
  }
}
