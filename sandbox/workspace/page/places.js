// Where blocks stand: a message, the Home tab or a modal, each with its values and errors.

function place(page, owner, container, blocks, values, more = {}) {
  const withIds = (blocks ?? []).map((block, index) => ({ ...block, block_id: block.block_id ?? `block-${index}` }));
  return { owner: `${page.me.team}/${page.me.user}/${owner}`, container, blocks: withIds, values, ...more };
}

/** Gives the place that a message is. */
export function placeOfMessage(page, message) {
  const channel = page.state.conversation.id;
  const container = { type: "message", channel, ts: message.ts };
  return place(page, `${channel}/${message.ts}`, container, message.blocks, message.state);
}

/** Gives the place that the Home tab is. */
export function placeOfHome(page, view) {
  return place(page, view.id, { type: "view", view_id: view.id }, view.blocks, view.state?.values ?? view.state);
}

/** Gives the place that a modal is: it can be submitted, and an error goes when its field changes. */
export function placeOfModal(page, modal) {
  const local = page.localErrors.get(modal.id) ?? {};
  const errors = Object.fromEntries(Object.entries({ ...modal.errors, ...local }).filter(([, words]) => words));
  return place(page, modal.id, { type: "view", view_id: modal.id }, modal.view.blocks, modal.state, {
    errors,
    submit: modal.view.submit ? () => page.submit(modal) : null,
    forgive: (block) => {
      if (errors[block]) page.localErrors.set(modal.id, { ...page.localErrors.get(modal.id), [block]: null });
    },
  });
}
