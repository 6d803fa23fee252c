/**
 * Starts the page without the server: keeps the HTML and every file of one version of it, and no answer of the API.
 *
 * Online it changes nothing: the HTML comes from the server each time. A version is kept whole or not at all, and what is
 * kept of it is its own, since every file but the HTML has its version in its address.
 */
const scope = /** @type {any} */ (self);

/** What belongs to this version: the server writes it here. Without it, as in a directory somebody works on, nothing is kept. */
const PAGE = { version: "", files: /** @type {string[]} */ ([]) };

const PREFIX = "switchboard-page-";
const OURS = PREFIX + PAGE.version;
const HTML = "/";
/** What asks for the HTML waits for the server so long before it gets what is kept, in milliseconds. */
const PATIENCE_MS = 8_000;
/** What a proxy says whose server is away. */
const AWAY = new Set([502, 503, 504]);

scope.addEventListener("install", (/** @type {any} */ event) => {
  // At once: whatever page is open, its version is not touched by another's.
  scope.skipWaiting();
  event.waitUntil(PAGE.version === "" ? undefined : keep());
});

scope.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(PAGE.version === "" ? leave() : begin()));

scope.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== scope.location.origin || PAGE.version === "") return;
  if (request.mode === "navigate") {
    if (pathname === HTML || pathname === "/index.html") event.respondWith(html(event));
  } else if (pathname.startsWith("/assets/")) {
    event.respondWith(file(request));
  }
});

/** Everything of this version, or nothing: then the browser tries again at its next look. */
async function keep() {
  try {
    const cache = await caches.open(OURS);
    await cache.addAll(PAGE.files);
    const response = await fetch(HTML, { cache: "no-cache" });
    const text = await response.clone().text();
    // Between our own coming and this answer the server may have become another version.
    if (!response.ok || !isOurs(text)) throw new Error("another version");
    await cache.put(HTML, response);
  } catch (error) {
    await caches.delete(OURS);
    throw error;
  }
}

/** Of older versions only the last is kept: a page of it may be open and load a part of it later. */
async function begin() {
  const kept = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== OURS);
  await Promise.all(kept.slice(0, -1).map((name) => caches.delete(name)));
  await scope.registration.navigationPreload?.enable();
  await scope.clients.claim();
}

/** Nobody wants us here any more. */
async function leave() {
  const kept = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  await Promise.all(kept.map((name) => caches.delete(name)));
  await scope.registration.unregister();
}

/** From the server; what is kept only where it does not answer. @param {any} event @returns {Promise<Response>} */
async function html(event) {
  const asking = ask(event);
  event.waitUntil(asking.catch(() => undefined));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const response = await Promise.race([asking.catch(() => undefined), late]);
  if (response instanceof Response && !AWAY.has(response.status)) return response;
  const kept = await (await caches.open(OURS)).match(HTML);
  if (kept) event.waitUntil(asking.then((answer) => tell(event, answer)).catch(() => undefined));
  return kept ?? asking;
}

/** What was only late may be another version than the one that is shown. @param {any} event @param {Response} answer */
async function tell(event, answer) {
  if (!answer.ok || isOurs(await answer.text())) return;
  const page = await scope.clients.get(event.resultingClientId);
  page?.postMessage({ type: "another_version" });
}

/** Whether it is of this version. @param {string} text of the HTML */
const isOurs = (text) => PAGE.files.some((address) => text.includes(`src="${address}"`));

/** @param {any} event @returns {Promise<Response>} */
async function ask(event) {
  return (await event.preloadResponse) ?? fetch(event.request);
}

/** Its address names its content, so whichever version has it kept has the right one. @param {Request} request */
async function file(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}
