/**
 * Prints a document's text at each change, as one line of JSON, and adds each line of its standard input to it. Comes back by
 * itself with all that was typed meanwhile. Ends with its input, once all of it is stored.
 *
 *   npm install yjs y-websocket lib0 ws
 *   SWITCHBOARD_URL=https://HOST SWITCHBOARD_KEY=sbk_… node document.mjs app.notes     (scopes otp and documents:app.*)
 *   SWITCHBOARD_URL=https://HOST SWITCHBOARD_USER=… SWITCHBOARD_PASSWORD=… node document.mjs minutes
 */
import { createInterface } from "node:readline";
import WebSocket from "ws"; // from Node 22 on there is one without
import { WebsocketProvider } from "y-websocket";
import { Doc } from "yjs";
import { stayConnected } from "./document_page/stay_connected.js";

const { SWITCHBOARD_URL: server, SWITCHBOARD_KEY: key, SWITCHBOARD_USER: username, SWITCHBOARD_PASSWORD: password } = process.env;
const [name] = process.argv.slice(2);

async function post(path, body, headers = {}) {
  const json = { headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
  // A network that is gone answers nothing, not even that.
  const answer = await fetch(server + path, { method: "POST", ...json, signal: AbortSignal.timeout(10_000) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${said.error.message}`);
  return { ...said, cookie: answer.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ") };
}

let session;
/** One-time passwords: a back end's, for a user of its own, or a member's. */
async function admit() {
  const ours = { user: { id: "document.mjs", name: "document.mjs" }, documents: { [name]: "write" } };
  if (key) return { server, otp: (await post("/otp", ours, { Authorization: `Bearer ${key}` })).otp };
  session ??= (await post("/login", { username, password })).cookie;
  return { server, otp: (await post("/otp", {}, { Cookie: session, Origin: server })).otp };
}

const text = new Doc().getText("text");
const provider = new WebsocketProvider("", name, text.doc, { connect: false, WebSocketPolyfill: WebSocket, disableBc: true });
const print = () => console.log(JSON.stringify(text.toString()));
text.observe(print);

// Message 100 asks whether all that was sent is stored, and is the answer.
let ended = false;
const askIfStored = () => ended && provider.synced && provider.ws.send(Uint8Array.of(100, 0));
provider.messageHandlers[100] = () => process.exit();
provider.on("sync", askIfStored);

const refused = (error) => {
  session = undefined; // it may have ended
  console.error(error.message);
  throw error;
};
stayConnected(provider, () => admit().catch(refused), (code, reason) => (console.error(code, reason), process.exit(1)));
await new Promise((resolve) => provider.once("sync", resolve));
const input = createInterface({ input: process.stdin });
input.on("line", (line) => text.insert(text.length, `${line}\n`));
input.on("close", () => ((ended = true), askIfStored()));
