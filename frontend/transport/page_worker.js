/** The service worker that starts the page without the server; see sw.js. @module */

const ADDRESS = "/sw.js";

/**
 * Lets it keep this version of the page. Where the browser or the connection is not fit for it, nothing happens. A page
 * without a version, from a directory somebody works on, is not to be kept, and what was kept before it is dropped.
 * @param {string} module the address of one of the page's modules
 */
export async function keepPage(module) {
  if (!isSecureContext || !("serviceWorker" in navigator)) return;
  const isVersioned = new URL(module).pathname.startsWith("/assets/");
  try {
    if (isVersioned) await navigator.serviceWorker.register(address());
    else await (await navigator.serviceWorker.getRegistration("/"))?.unregister();
  } catch {
    // A certificate that is only overlooked, a browser that forbids it, a server that is away: the page goes on without.
  }
}

/** Calls back when the page on the screen is the kept one, and the server has another. @param {() => void} onAnother */
export function onAnotherVersion(onAnother) {
  navigator.serviceWorker?.addEventListener("message", ({ data }) => data?.type === "another_version" && onAnother());
}

/** The browser takes no plain text for a script's address here: the security policy of the page names who may make one. */
function address() {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  const policy = trustedTypes?.createPolicy("switchboard-worker", { createScriptURL: () => ADDRESS });
  return policy?.createScriptURL("") ?? ADDRESS;
}
