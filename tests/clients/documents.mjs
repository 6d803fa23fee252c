/**
 * The two ways of docs/clients into one document, as they stand: the textarea in a browser and the script, writing at the same
 * time while the server is killed; and the script as a member, in a document of a room. usage: documents.mjs
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import https from "node:https";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { text as wholeText } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { BINARY, PASSWORD, Server, launch } from "../page/harness.mjs";

const CLIENTS = fileURLToPath(new URL("../../docs/clients/", import.meta.url));
const BUDGET_MS = 30_000;
/** @type {import("node:child_process").ChildProcess[]} */
const started = [];

/** @param {string} command @param {string[]} args @param {Record<string, string>} env */
function start(command, args, env) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  started.push(child);
  return child;
}

/** All that a program prints before it ends well. @param {import("node:child_process").ChildProcess} child */
async function printed(child) {
  let text = "";
  child.stdout?.on("data", (/** @type {Buffer} */ chunk) => (text += chunk));
  const [code] = await once(child, "close");
  assert.equal(code, 0, text);
  return text.trim();
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address ? address.port : 0;
}

/** docs/clients/document.mjs, whose last line is the text it has. */
class Script {
  #lines;
  /** @param {string} name @param {Record<string, string>} env */
  constructor(name, env) {
    this.child = start("node", ["--no-warnings", `${CLIENTS}document.mjs`, name], env);
    this.#lines = createInterface({ input: /** @type {import("node:stream").Readable} */ (this.child.stdout) })[Symbol.asyncIterator]();
  }

  /** @param {string} line */
  writes(line) {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Waits until its text is as it should be. @param {(text: string) => boolean} isSo */
  async sees(isSo) {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.ok(!done, "the script has ended");
      const text = JSON.parse(value);
      if (isSo(text)) return text;
    }
  }

  /** Its input ends; it ends when all is stored. */
  async ends() {
    this.child.stdin?.end();
    const [code] = this.child.exitCode === null ? await once(this.child, "exit") : [this.child.exitCode];
    assert.equal(code, 0);
  }
}

/** @param {import("playwright-core").Page} page @param {string} part */
const shows = (page, part) => page.waitForFunction((text) => document.querySelector("textarea")?.value.includes(text), part, { timeout: BUDGET_MS });
/** @param {import("playwright-core").Page} page */
const shown = (page) => page.locator("textarea").inputValue();
/** @param {import("playwright-core").Page} page @param {string} status */
const says = (page, status) => page.getByRole("status").filter({ hasText: new RegExp(`^${status}$`) }).waitFor({ timeout: BUDGET_MS });

/**
 * @param {Server} server
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers
 * @param {string} [body]
 */
async function call(server, method, path, headers, body) {
  // The certificate is of the server's own making.
  const sending = https.request(server.origin + path, { method, headers, rejectUnauthorized: false });
  sending.end(body);
  const [answer] = await once(sending, "response");
  const text = await wholeText(answer);
  assert.ok(answer.statusCode < 300, `${method} ${path}: ${answer.statusCode} ${text}`);
  return { answer, text };
}

/** @param {Server} server @param {string} key */
async function stored(server, key) {
  return (await call(server, "GET", "/documents/app.notes/text", { Authorization: `Bearer ${key}` })).text;
}

/** @param {Server} server @param {string} key @param {string} app @param {Record<string, string>} env */
async function textareaAndScript(server, key, app, env) {
  const browser = await launch();
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(app);
  const area = page.locator("textarea");
  await page.waitForFunction(() => !document.querySelector("textarea")?.disabled, null, { timeout: BUDGET_MS });
  const script = new Script("app.notes", env);

  await area.pressSequentially("Hello world\n");
  await script.sees((text) => text === "Hello world\n");
  script.writes("from the script 😀");
  await shows(page, "from the script 😀\n");

  // Others' changes before and behind the caret leave it where it is; what is typed then stands there.
  await area.evaluate((/** @type {HTMLTextAreaElement} */ it) => it.setSelectionRange(5, 5));
  const byKey = { Authorization: `Bearer ${key}`, "Content-Type": "text/plain" };
  await call(server, "PUT", "/documents/app.notes/text", byKey, `>> ${await stored(server, key)}<<\n`);
  await shows(page, ">> Hello");
  assert.equal(await area.evaluate((/** @type {HTMLTextAreaElement} */ it) => it.selectionStart), 8);
  await page.keyboard.type(", dear");
  await script.sees((text) => text.startsWith(">> Hello, dear world\n"));

  // Half of a character in common is none: 😀 becomes 😁.
  await area.evaluate((/** @type {HTMLTextAreaElement} */ it) => it.setSelectionRange(it.value.indexOf("😀"), it.value.indexOf("😀") + 2));
  await page.keyboard.insertText("😁");
  await script.sees((text) => text.includes("from the script 😁\n"));

  // Killed; both go on writing; both are merged when it is back, with one-time passwords of the new life.
  await server.stop("SIGKILL");
  await says(page, "disconnected");
  script.writes("written while it was away");
  await page.keyboard.type("!");
  await server.run();
  await shows(page, "written while it was away\n");
  await script.sees((text) => text.includes("from the script 😁!\n") && text.includes("written while it was away\n"));
  script.writes("the end");
  await script.ends();
  const whole = await stored(server, key);
  assert.ok(whole.endsWith("the end\n"), whole);
  await shows(page, "the end\n");
  assert.equal(await shown(page), whole);
  assert.deepEqual(problems, []);
  await browser.close();
}

/** A member, in a document of a room. @param {Server} server @param {Record<string, string>} env */
async function member(server, env) {
  const adding = start(BINARY, ["account", "add", "writer", "--data-dir", server.dataDir, "--password-stdin"], env);
  adding.stdin?.end(`${PASSWORD}\n`);
  await printed(adding);
  const json = { "Content-Type": "application/json", Origin: server.origin };
  const login = await call(server, "POST", "/login", json, JSON.stringify({ username: "writer", password: PASSWORD }));
  const cookie = { Cookie: (login.answer.headers["set-cookie"] ?? []).map((/** @type {string} */ one) => one.split(";")[0]).join("; ") };
  await call(server, "POST", "/documents", { ...json, ...cookie }, JSON.stringify({ room: "general", name: "minutes" }));

  const itself = { ...env, SWITCHBOARD_KEY: "", SWITCHBOARD_USER: "writer", SWITCHBOARD_PASSWORD: PASSWORD };
  const script = new Script("minutes", itself);
  script.writes("one line");
  await script.sees((text) => text === "one line\n");
  await script.ends();
  // What is there is printed, and nothing is written.
  const reader = new Script("minutes", itself);
  await reader.sees((text) => text === "one line\n");
  await reader.ends();
}

/** @param {number} port */
async function listens(port) {
  for (;;) {
    const socket = connect(port, "localhost");
    const there = await Promise.race([once(socket, "connect").then(() => true), once(socket, "close").then(() => false)]).catch(() => false);
    socket.destroy();
    if (there) return;
  }
}

const port = await freePort();
const app = `http://localhost:${port}`;
const server = await Server.start({ SWITCHBOARD__HTTP__ALLOWED_ORIGINS: app });
try {
  const scopes = ["--scope", "otp", "--scope", "documents:app.*"];
  const key = await printed(start(BINARY, ["key", "create", "app", ...scopes, "--data-dir", server.dataDir], {}));
  // The certificate is of the server's own making: that the clients trust it is said outside of them.
  const certificate = `${server.dataDir}/server.crt`;
  const trust = { SSL_CERT_FILE: certificate, NODE_EXTRA_CA_CERTS: certificate, PYTHONDONTWRITEBYTECODE: "1" };
  const env = { ...trust, SWITCHBOARD_URL: server.origin, SWITCHBOARD_KEY: key };
  const back = spawn("python3", [`${CLIENTS}app.py`, String(port), "document_page"], { env: { ...process.env, ...env }, stdio: "ignore" });
  started.push(back);
  await listens(port);
  await textareaAndScript(server, key, app, env);
  await member(server, env);
  console.log("docs/clients: a textarea and a script wrote one document, over a kill");
} catch (error) {
  console.error(server.log);
  throw error;
} finally {
  for (const child of started) child.kill();
  await server.remove();
}
