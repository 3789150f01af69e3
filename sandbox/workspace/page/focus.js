// Where the focus goes when what had it is drawn anew under another id or is gone.

const HOLDERS = "[data-ts], [data-view-id], .home";

/** Gives a function that, after a drawing, puts the focus back to the same action, else to the message it was in. */
export function keepFocus() {
  const held = document.activeElement;
  const action = held?.dataset?.actionId;
  const holder = held?.closest?.(HOLDERS);
  return () => {
    if (!holder || !holder.isConnected || (held.isConnected && document.activeElement === held)) return;
    // Somebody else took it meanwhile: a modal, or the person.
    if (document.activeElement && document.activeElement !== document.body) return;
    const same = action ? holder.querySelector(`[data-action-id="${CSS.escape(action)}"]`) : null;
    (same ?? holder).focus({ preventScroll: true });
  };
}
