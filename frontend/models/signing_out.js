/** @typedef {import("./editing.js").Unsaved} Unsaved */

/** What is not saved yet gets so long to leave, in milliseconds. */
const PATIENCE_MS = 3000;
const LOOK_MS = 50;

/**
 * The documents whose last changes signing out would lose: what can still be sent is sent first.
 * @param {{ readonly unsaved: Unsaved[], tryNow: () => void }} editing
 * @returns {Promise<Unsaved[]>}
 */
export async function lostBySigningOut(editing) {
  const isWaiting = () => editing.unsaved.some(({ isHopeless }) => !isHopeless);
  if (isWaiting()) editing.tryNow();
  for (let waited = 0; waited < PATIENCE_MS && isWaiting(); waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return editing.unsaved;
}
