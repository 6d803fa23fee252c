/** Entry: makes the models, connects them to the browser, and draws. */
import { documentOf } from "./lib/document_link.js";
import { Chat } from "./models/chat.js";
import { DocumentLink } from "./models/document_link.js";
import { Door, linkOf } from "./models/door.js";
import { Invitations } from "./models/invitations.js";
import { Server } from "./models/server.js";
import { Session } from "./models/session.js";
import { Api } from "./transport/api.js";
import { DocumentsApi } from "./transport/documents_api.js";
import { keepPage, onAnotherVersion } from "./transport/page_worker.js";
import { h, render } from "./vendor/preact.js";
import { App } from "./views/app.js";

/** @param {string} path */
function socketAt(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  return url;
}

/** @param {string} otp */
function socketUrl(otp) {
  const url = socketAt("/ws");
  url.searchParams.set("otp", otp);
  return url.href;
}

/** @param {string} name */
const documentUrl = (name) => socketAt(`/documents/${encodeURIComponent(name)}`).href;

/** Some browsers throw at the mere mention of a storage they were told to deny. */
function permittedStorage() {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

const api = new Api();
const documents = new DocumentsApi(api);
const storage = permittedStorage();
const session = new Session(
  api,
  ({ user, admission, onSignedOut }) =>
    new Chat({
      user,
      storage,
      onSignedOut,
      publish: (...publication) => api.publish(...publication),
      products: api,
      documents,
      editing: { url: documentUrl, find: (name) => documents.find(name) },
      socket: { url: socketUrl, admission },
    }),
  storage,
);
const server = new Server(api, storage);
onAnotherVersion(() => server.anotherPage());
const door = new Door(api, server);
const invitations = new Invitations(api, location.origin);
const clearAddress = () => history.replaceState(null, "", location.pathname);
const documentLink = new DocumentLink(clearAddress);

/** Reads the link in the address bar and takes it out again: a token has no business in a history. */
function readLink() {
  const link = linkOf(location.hash);
  const document = documentOf(location.hash);
  if (link) clearAddress();
  if (document !== null) documentLink.arrive(document);
  if (link || door.kind === "login") door.arrive(link);
}

addEventListener("hashchange", readLink);
addEventListener("online", () => session.chat?.connection.setOnline(true));
addEventListener("offline", () => session.chat?.connection.setOnline(false));
addEventListener("storage", (event) => session.chat?.rooms.storageChanged(event.key));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") session.chat?.wake();
});

let kept = false;
session.addEventListener("change", () => {
  void documentLink.follow(session.chat);
  // Whoever was never signed in here has nothing to start without the server.
  if (session.chat && !kept) void keepPage(import.meta.url);
  kept ||= session.chat !== null;
});

// Before anybody is let in the name is asked for with each look at the door; afterwards a server may have become known.
session.addEventListener("change", () => {
  if (!server.known) void server.load();
});
readLink();
void server.load();
void session.restore();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
render(h(App, { session, door, server, invitations, documentLink }), root);
