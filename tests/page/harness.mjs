/** The real server, and people with real browsers in front of it. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import https from "node:https";
import { tmpdir } from "node:os";
import { delimiter, join, resolve as absolute } from "node:path";
import { createInterface } from "node:readline";
import { text as wholeText } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const { env } = process;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BINARY = absolute(ROOT, env.SWITCHBOARD_BIN || join(env.CARGO_TARGET_DIR || "target", "debug", "switchboard"));
// A debug build serves the page of the tree it was built in, as it was at its start; this names another.
const FRONTEND = env.SWITCHBOARD_FRONTEND ? ["--frontend", absolute(ROOT, env.SWITCHBOARD_FRONTEND)] : [];
const CHROMIUM = env.CHROMIUM_BIN || onPath("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const START_MS = 30_000;
/** A page whose server was away for long may pause for 30 s before it tries again by itself: more than that is in vain. */
const PATIENCE_MS = 60_000;
// The server ends connections that rest, and may do so at the moment in which one would be used again: each is used once.
const AGENT = new https.Agent({ keepAlive: false, maxSockets: 8, rejectUnauthorized: false });
export const PASSWORD = "correct horse battery staple";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {{ page: Page, context: import("playwright-core").BrowserContext, problems: string[] }} Person */

export class Server {
  origin = "";
  setupLink = "";
  log = "";
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;
  #settings;
  #flags;
  #keys = 0;

  /**
   * @param {string} dataDir
   * @param {Record<string, string>} settings as `SWITCHBOARD__SECTION__KEY` variables
   * @param {string[]} flags
   */
  constructor(dataDir, settings, flags) {
    this.dataDir = dataDir;
    this.#settings = settings;
    this.#flags = flags;
  }

  /** @param {Record<string, string>} [settings] @param {string} [file] settings that only a file can hold */
  static async start(settings = {}, file = "") {
    const dataDir = await mkdtemp(join(tmpdir(), "switchboard-page-"));
    const path = join(dataDir, "settings.toml");
    if (file !== "") await writeFile(path, file);
    const server = new Server(dataDir, settings, file === "" ? [] : ["--config", path]);
    await server.run();
    return server;
  }

  /** An API key, made on the command line; it may publish everywhere, unless another scope is named. */
  async key(scope = "publish:*") {
    this.#keys += 1;
    const make = ["key", "create", `tests-${this.#keys}`, "--scope", scope, "--data-dir", this.dataDir];
    const { stdout } = await promisify(execFile)(BINARY, make);
    return stdout.trim();
  }

  /** An invitation link made on the command line, as `invitationLink` makes one on the page. */
  async invite() {
    const { stdout } = await promisify(execFile)(BINARY, ["invite", "--data-dir", this.dataDir]);
    return this.origin + "/" + new URL(stdout.trim()).hash;
  }

  /** What a command line prints, run by a shell as somebody would who has pasted it. @param {string} line */
  async shell(line) {
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", line]);
    return stdout;
  }

  /** Publishes as the page's user. @param {Page} page @param {string} channel @param {unknown} data */
  async publish(page, channel, data) {
    const status = await page.evaluate(
      async (body) => {
        const headers = { "Content-Type": "application/json" };
        return (await fetch("/publish", { method: "POST", headers, body })).status;
      },
      JSON.stringify({ channel, data }),
    );
    assert.equal(status, 200);
  }

  /** Publishes as a back end does, all at once. @param {string} key @param {string} channel @param {unknown[]} all */
  async publishByKey(key, channel, all) {
    const body = JSON.stringify({ batch: all.map((data) => ({ channel, data })) });
    const { status } = await this.call(key, "POST", "/publish", body);
    assert.equal(status, 200);
  }

  /**
   * Asks as a back end does.
   * @param {string} key
   * @param {string} method
   * @param {string} path
   * @param {string} [body] JSON
   * @returns {Promise<{ status: number, body: string }>}
   */
  async call(key, method, path, body) {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${key}` };
    // The certificate is of the server's own making.
    const sending = https.request(this.origin + path, { method, headers, agent: AGENT });
    sending.end(body);
    const [answer] = await once(sending, "response");
    return { status: answer.statusCode, body: await wholeText(answer) };
  }

  /** Starts on the port it had before, or on any. */
  async run() {
    const port = this.origin === "" ? "0" : new URL(this.origin).port;
    const child = spawn(
      BINARY,
      ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", this.dataDir, ...FRONTEND, ...this.#flags],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...env, ...this.#settings } },
    );
    this.#process = child;
    const keep = (/** @type {string | Buffer} */ text) => (this.log += text);
    child.stderr.on("data", keep);
    const lines = createInterface({ input: child.stdout });
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the server did not start:\n${this.log}`)), START_MS);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.log}`)));
      lines.on("line", (line) => {
        keep(`${line}\n`);
        this.setupLink = /https?:\/\/\S+\/#setup=\S+/.exec(line)?.[0] ?? this.setupLink;
        this.origin = /listening on (https?:\/\/[^\s/]+)/.exec(line)?.[1] ?? this.origin;
        if (this.origin !== "" && (port !== "0" || this.setupLink !== "") && /listening on|#setup=/.test(line)) {
          clearTimeout(late);
          resolve(undefined);
        }
      });
    });
    // The link names the host people type; the tests stay on the address they listen on.
    if (this.setupLink) this.setupLink = this.origin + new URL(this.setupLink).pathname + new URL(this.setupLink).hash;
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal = "SIGTERM") {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null) return;
    child.removeAllListeners("exit");
    child.kill(signal);
    await once(child, "exit");
  }

  async remove() {
    await this.stop("SIGKILL");
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** The first of these programs that there is. @param {string[]} names */
function onPath(...names) {
  const folders = (env.PATH ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram);
  if (!found) throw new Error(`no Chromium on the PATH (${names.join(", ")}): install it, or name it in CHROMIUM_BIN`);
  return found;
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string[]} [flags] */
export function launch(flags = []) {
  return chromium.launch({ executablePath: CHROMIUM, args: [...CHROMIUM_FLAGS, ...flags] });
}

/**
 * The flag for a browser that trusts this server's certificate. One that is told to overlook it, as the others are,
 * keeps nothing of what the server sends.
 * @param {Server} server
 */
export async function trusting(server) {
  const { hostname, port } = new URL(server.origin);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const key = socket.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
  socket.destroy();
  assert.ok(key, "the server shows a certificate");
  return `--ignore-certificate-errors-spki-list=${createHash("sha256").update(key).digest("base64")}`;
}

/**
 * A browser of its own: nobody else's cookies, and an eye on everything a page must not do.
 * @param {Browser} browser
 * @param {Server} server
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @returns {Promise<Person>}
 */
export async function newPerson(browser, server, options = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    baseURL: server.origin,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  /** @type {string[]} */
  const problems = [];
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(`error: ${error.stack}`));
  page.on("console", (message) => {
    // What the browser itself says about a server that is down, about a 401, or about a certificate that it would have to
    // trust before it keeps a worker, is not the page's doing.
    const network = /^(Failed to load resource|WebSocket connection to|An SSL certificate error)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !network) problems.push(`console: ${message.text()}`);
  });
  const host = new URL(server.origin).host;
  const foreign = (/** @type {string} */ url) =>
    url.startsWith("http") || url.startsWith("ws") ? new URL(url).host !== host : false;
  page.on("request", (request) => foreign(request.url()) && problems.push(`request: ${request.url()}`));
  page.on("websocket", (socket) => foreign(socket.url()) && problems.push(`socket: ${socket.url()}`));
  return { page, context, problems };
}

/** @param {Page} page @param {string} name @param {string} [password] */
export async function fillAccount(page, name, password = PASSWORD) {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(password);
}

/** @param {Person} person @param {Server} server */
export async function setUpOwner({ page }, server, name = "alice") {
  await page.goto(server.setupLink);
  await fillAccount(page, name);
  await page.getByRole("button", { name: "Create owner account" }).click();
  await inRoom(page, "General");
}

/** Makes an invitation link on the page. @param {Page} page @param {{ uses?: string }} [terms] */
export async function invitationLink(page, { uses = "1 person" } = {}) {
  await page.getByRole("button", { name: /^Signed in as/ }).click();
  await page.getByRole("button", { name: "Invite people" }).last().click();
  const dialog = page.getByRole("dialog", { name: "Invite people" });
  await dialog.getByLabel("Works for").selectOption(uses);
  await dialog.getByRole("button", { name: "Create link" }).click();
  const link = await dialog.getByLabel("Invitation link").inputValue();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  return link;
}

/** @param {Person} person @param {string} link @param {string} name */
export async function acceptInvitation({ page }, link, name) {
  // Where the link is open already, its form would be filled in and then drawn anew.
  await page.goto("about:blank");
  await page.goto(link);
  await fillAccount(page, name);
  await page.getByRole("button", { name: "Create account and join" }).click();
  await inRoom(page, "General");
}

/** Signed in, in that room, with its history there. @param {Page} page @param {string} title */
export async function inRoom(page, title) {
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
  await page.locator(".timeline-scroller[aria-busy=false]").waitFor();
  await page.locator(".beginning, .message").first().waitFor();
  await drawn(page);
}

/** What is on the page is drawn, and what it does when that is done, as moving the focus, has happened. @param {Page} page */
export async function drawn(page) {
  await page.evaluate(async () => {
    const next = (/** @type {(value: unknown) => void} */ done) => (document.hidden ? setTimeout(done, 100) : requestAnimationFrame(done));
    for (let frame = 0; frame < 2; frame += 1) await new Promise(next);
    await new Promise((done) => setTimeout(done));
  });
}

/** The worker is in charge, and has what it needs. @param {Page} page */
export async function isKept(page) {
  await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  await until(() => page.evaluate(() => navigator.serviceWorker.controller?.state === "activated"), "the worker is there");
}

/** @param {Page} page */
export const composer = (page) => page.getByRole("textbox", { name: /^Message / });

/** @param {Page} page @param {string} text */
export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press("Enter");
}

/** @param {Page} page @param {string} text */
export const message = (page, text) => page.locator(".message").filter({ has: page.getByText(text, { exact: true }) });

/** The message is there, once, and the server has it. @param {Page} page @param {string} text */
export async function hears(page, text) {
  await page
    .locator(".message.sent")
    .filter({ has: page.getByText(text, { exact: true }) })
    .first()
    .waitFor();
  assert.equal(await message(page, text).count(), 1, `“${text}” is there more than once`);
}

/** @param {Page} page @param {string} title @param {{ isPublic?: boolean }} [options] */
export async function createRoom(page, title, { isPublic = true } = {}) {
  await page.getByRole("button", { name: "Create a room" }).click();
  const dialog = page.getByRole("dialog", { name: "Create a room" });
  await dialog.getByLabel("Name").fill(title);
  if (!isPublic) await dialog.getByRole("radio", { name: /^Private/ }).check();
  await dialog.getByRole("button", { name: "Create room" }).click();
  await inRoom(page, title);
}

/** Subscribes, and waits for what the server says. @param {Page} page @param {string} name */
export async function addChannel(page, name) {
  await toPlaces(page);
  await page.getByRole("button", { name: "Add a channel" }).click();
  await page.getByLabel("Channel", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Subscribe", exact: true }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.locator(".room-heading").getByText(/^(Listening|Not subscribed)$/).waitFor();
}

/** Where the list of rooms and channels is another screen, goes there. @param {Page} page */
async function toPlaces(page) {
  await page.locator(".chat").waitFor(); // before that nothing is visible
  const back = page.getByRole("button", { name: /^All rooms and channels/ });
  if (await back.isVisible()) await back.click();
}

/** Goes to a room or a channel. @param {Page} page @param {string} name */
export async function openPlace(page, name) {
  await toPlaces(page);
  await roomItem(page, name).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** @param {Page} page @param {number} offset */
export const publication = (page, offset) => page.locator(`.publication[data-key$=":${offset}"]`);

/** The offsets of all publications that are shown, in their order. @param {Page} page */
export const offsets = (page) =>
  page.locator(".publication-offset").evaluateAll((all) => all.map((one) => Number(/\d+/.exec(one.textContent)?.[0])));

/** What says that the connection is lost. @param {Page} page */
export const banner = (page) => page.locator(".banner.shown");

/** @param {Page} page @param {string} title */
export const roomItem = (page, title) =>
  page.getByRole("navigation").getByRole("button", { name: new RegExp(`^${title}`) });

/**
 * Says many things quickly, through the page's own socket module: several connections, since each has a rate limit.
 * @param {Page} page
 * @param {string} room
 * @param {string[]} texts
 */
export async function pour(page, room, texts) {
  await page.evaluate(
    async ({ name, messages }) => {
      const path = "/transport/event_socket.js"; // a variable, so that nobody resolves it here
      const { EventSocket } = await import(path);
      const admission = async () =>
        (await fetch("/otp", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })).json();
      const url = (/** @type {string} */ otp) => `${location.origin.replace("http", "ws")}/ws?otp=${otp}`;
      for (let start = 0; start < messages.length; start += 80) {
        // So much at once takes a slow page a while, which is no lost connection.
        const socket = new EventSocket({ url, admission, pace: { burst: 80, perSecond: 15 }, answerTimeoutMs: 120_000 });
        const greeted = new Promise((resolve) => socket.addEventListener("hello", resolve));
        socket.start();
        await greeted;
        await Promise.all(
          messages
            .slice(start, start + 80)
            .map((text) => socket.request("send_message", { room: name, message: text })),
        );
        socket.stop();
      }
    },
    { name: room, messages: texts },
  );
}

/** Polls until the condition holds. @param {() => boolean | Promise<boolean>} condition @param {string} what */
export async function until(condition, what, timeoutMs = PATIENCE_MS) {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No serious or critical accessibility violation, in light and dark. @param {Page} page @param {string} what */
export async function accessibleInBoth(page, what) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${what}, ${colorScheme}`);
  }
}

/** @param {Page} page @param {string} what */
async function accessible(page, what) {
  // A change of colours that was asked for is drawn: otherwise old backgrounds may be judged with new letters.
  await drawn(page);
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    /** @type {any} */ (globalThis).axe.run(document, { resultTypes: ["violations"] }),
  );
  const grave = violations.filter((/** @type {any} */ { impact }) => impact === "serious" || impact === "critical");
  const told = grave.map(
    (/** @type {any} */ { id, nodes }) =>
      `${id}: ${nodes.map((/** @type {any} */ node) => `${node.target} ${node.failureSummary}`).join("\n  ")}`,
  );
  assert.deepEqual(told, [], what);
}
