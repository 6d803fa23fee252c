import { Model } from "../lib/model.js";
import { DocumentSocket } from "../transport/document_socket.js";
import { LocalCopy } from "../transport/local_copy.js";
import { DeviceCopy } from "./device_copy.js";
import { CLOSED, documentState } from "./document_state.js";
import { loadEditor } from "./load_editor.js";
import { Outgoing } from "./outgoing.js";
import { PeopleHere, nameOf } from "./people_here.js";
import { SaveProgress } from "./save_progress.js";

/** @typedef {import("../editor/shared_text.js").SharedText} SharedText */
/** @typedef {import("../transport/local_copy.js").Access} Access */
/** @typedef {import("./load_editor.js").EditorParts} EditorParts */
/**
 * @typedef {{ name: string, id: number, title: string, created_at: number, access?: Access }} DocumentInfo what the server says
 *   of a document, as far as it matters here
 */
/**
 * @typedef {object} OpenDocumentOptions
 * @property {DocumentInfo} document
 * @property {import("../transport/event_socket.js").User} user
 * @property {(name: string) => string} url of a document's socket
 * @property {() => Promise<{ otp: string }>} admission
 * @property {(name: string) => Promise<DocumentInfo>} find what the server says of the document now
 * @property {import("./connection.js").Connection} connection of the page: when it is back, ours should be
 * @property {() => Promise<EditorParts>} [load]
 * @property {typeof LocalCopy.open} [keep] opens what this device keeps
 * @property {new (url: string, protocols: string[]) => WebSocket} [WebSocket]
 * @property {() => number} [random]
 */

/** How often it is looked whether the connection still lives. */
const LOOK_MS = 10_000;

/** A document that is open here: its text, who else is there, and whether what is written is safe. */
export class OpenDocument extends Model {
  /** @type {SharedText | null} */
  shared = null;
  /** @type {EditorParts | null} */
  parts = null;
  /** Rises when the text is another copy, which the editor has to begin anew with. */
  generation = 0;
  /** What was written here and could not be saved, when this copy had to be given up for the server's. */
  rescued = "";
  /** Whether what this device had kept of it could not be read. */
  isCopyDamaged = false;

  #options;
  #info;
  #socket;
  #progress = new SaveProgress();
  #here;
  #outgoing;
  #device;
  #isReadable = false;
  /** What is under way to take the place of a text that was given up. @type {Promise<void> | undefined} */
  #renewing;
  /** @type {"outdated" | "unavailable" | null} */
  #missing = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  #isStarted = false;
  // Rises with each start and stop: what was awaited meanwhile is of no interest any more.
  #turn = 0;
  #wasConnected = false;

  /** @param {OpenDocumentOptions} options */
  constructor(options) {
    super();
    this.#options = { load: loadEditor, ...options };
    this.#info = { access: /** @type {Access} */ ("read"), ...options.document };
    const { keep = LocalCopy.open, user } = options;
    const { id, created_at: created } = options.document;
    this.#device = new DeviceCopy(
      () => keep({ user: user.id, id, created }),
      () => this.#deviceChanged(),
    );
    this.#outgoing = new Outgoing({
      send: (frame) => this.#socket.send(frame),
      text: () => this.shared && this.parts && { shared: this.shared, parts: this.parts },
      progress: () => this.#progress,
    });
    this.#here = new PeopleHere(options.user.name);
    this.#socket = new DocumentSocket({
      url: () => options.url(this.#info.name),
      admission: async () => {
        await this.#renewing;
        return options.admission();
      },
      verify: () => this.#verify(),
      ...(options.WebSocket && { WebSocket: options.WebSocket }),
      ...(options.random && { random: options.random }),
    });
    this.#socket.addEventListener("open", () => this.#greet());
    this.#socket.addEventListener("state", () => this.#connectionChanged());
    this.#socket.addEventListener("frame", (event) => this.#receive(/** @type {CustomEvent} */ (event).detail));
    this.#socket.addEventListener("close", (event) => this.#closed(/** @type {CustomEvent} */ (event).detail.code));
    this.onConnection = this.onConnection.bind(this);
  }

  get id() {
    return this.#info.id;
  }

  /** @returns {DocumentInfo} */
  get info() {
    return this.#info;
  }

  get title() {
    return this.#info.title;
  }

  get access() {
    return this.#info.access;
  }

  /** @returns {import("./document_state.js").DocumentState} */
  get state() {
    return documentState({
      missing: this.#missing,
      readable: this.#isReadable,
      connection: this.#socket.state,
      failed: this.#socket.hasFailed,
      why: this.#socket.why,
      kept: this.#device.state,
      access: this.access,
      progress: this.#progress,
    });
  }

  /** Whether there is a text that can be shown. */
  get isReadable() {
    return this.#isReadable;
  }

  get isEditable() {
    return this.access === "write" && !CLOSED.has(this.state);
  }

  /** Whether something was written here that the server may not have. */
  get isUnsaved() {
    return this.#progress.isUnsaved;
  }

  /** Whether what is written here would be lost with this page. */
  get isAtRisk() {
    return this.#progress.isUnsaved && this.#device.state !== "yes";
  }

  /** Everybody who has it open, ourselves first. */
  get people() {
    return this.#here.all;
  }

  get canUndo() {
    return (this.shared?.undoManager.undoStack.length ?? 0) > 0;
  }

  get canRedo() {
    return (this.shared?.undoManager.redoStack.length ?? 0) > 0;
  }

  text() {
    return this.shared?.toString() ?? "";
  }

  /** Who a client's state is of, and in which colour. @param {unknown} state */
  describe(state) {
    const name = nameOf(state);
    return name === "" ? null : { name, colour: this.#here.colourOf(name) };
  }

  start() {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#options.connection.addEventListener("change", this.onConnection);
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    void this.#open();
  }

  stop() {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#turn += 1;
    this.#outgoing.flush(); // what was written a moment ago leaves, too
    this.#options.connection.removeEventListener("change", this.onConnection);
    clearInterval(this.#looking);
    this.#socket.stop();
    this.#letGo();
    this.#device.close();
  }

  /** What the page has heard of the document elsewhere. @param {DocumentInfo} info */
  heard(info) {
    if (info.id !== this.#info.id) return;
    this.#info = { ...this.#info, title: info.title, access: info.access ?? this.#info.access };
    // What was refused is asked for on a connection anew, and only then is it known to be taken.
    if (this.access === "write" && this.#progress.isRefused) this.#socket.restart();
    this.changed();
  }

  /** Somebody asked for it. */
  tryAgain() {
    if (this.#missing) {
      this.#missing = null;
      this.changed();
      void this.#open();
    } else if (this.#socket.state === "stopped") {
      if (this.#socket.why === "full" || this.#socket.why === "too_large") this.#forgetDeleted();
      this.#socket.start();
    } else {
      this.#socket.tryNow();
    }
  }

  /** Gives up what the server does not take, and goes on with what it has. What was here can still be copied. */
  async discard() {
    const turn = this.#turn;
    this.rescued = this.text();
    this.#socket.stop();
    await this.#renew();
    if (turn === this.#turn) this.#socket.start();
  }

  forgetRescued() {
    this.rescued = "";
    this.isCopyDamaged = false;
    this.changed();
  }

  onConnection() {
    const isOpen = this.#options.connection.state === "open";
    if (isOpen && !this.#wasConnected) {
      if (this.#missing === "unavailable") this.tryAgain();
      else this.#socket.tryNow();
    }
    this.#wasConnected = isOpen;
  }

  async #open() {
    const turn = ++this.#turn;
    try {
      this.parts = await this.#options.load();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#missing = /** @type {{ why?: "outdated" }} */ (error).why ?? "unavailable";
      this.changed();
      return;
    }
    if (turn !== this.#turn) return;
    await this.#begin();
    if (turn === this.#turn) this.#socket.start();
  }

  /** A text to write in, with what this device has of it. */
  async #begin() {
    const turn = this.#turn;
    const parts = /** @type {EditorParts} */ (this.parts);
    let kept = await this.#device.open(parts.compacted);
    if (turn !== this.#turn) return;
    this.#progress = new SaveProgress();
    if (kept && !this.#show(kept.updates)) {
      this.#device.remove();
      this.isCopyDamaged = true;
      kept = await this.#device.open(parts.compacted);
      if (turn !== this.#turn) return;
      if (!kept || !this.#show(kept.updates)) this.#show([]);
    } else if (!kept) {
      this.#show([]);
    }
    // Nobody knows what of it the server has, until it has said so.
    if (kept && kept.updates.length > 0) this.#progress.changed();
    this.#isReadable = Boolean(kept?.access);
    if (kept?.access) this.#info.access = kept.access; // until the server says otherwise
    this.changed();
  }

  /** Begins with these as the text. @param {Uint8Array[]} updates @returns {boolean} whether they could be read */
  #show(updates) {
    const parts = /** @type {EditorParts} */ (this.parts);
    const shared = new parts.SharedText({ name: this.#options.user.name });
    try {
      shared.load(updates);
    } catch {
      shared.destroy();
      return false;
    }
    this.#letGo();
    this.shared = shared;
    this.generation += 1;
    this.#listen(shared);
    return true;
  }

  /** What was deleted here is kept to be undone, and would go to the server with the rest: now it may not. */
  #forgetDeleted() {
    const { shared, parts } = this;
    if (shared && parts) this.#show([parts.compacted([shared.whole()])]);
  }

  /** @param {SharedText} shared */
  #listen(shared) {
    const on = (/** @type {string} */ name, /** @type {(detail: any) => void} */ handle) =>
      shared.addEventListener(name, (event) => {
        if (shared === this.shared) handle(/** @type {CustomEvent} */ (event).detail);
      });
    on("update", ({ update, isOurs, isKept }) => {
      if (!isKept) void this.#device.keep(update);
      if (!isOurs) return;
      this.#progress.changed();
      this.#outgoing.update(update);
      this.changed();
    });
    on("awareness", () => this.#outgoing.tellWhere());
    on("people", () => this.#here.update(shared.others().map(([, state]) => state)) && this.changed());
    on("history", () => this.changed());
  }

  #deviceChanged() {
    if (this.#device.isTaken && this.#socket.state === "open") void this.#regain();
    this.changed();
  }

  /** Another window has given up what this device had, or its user has signed out there; then it stays as it is. */
  async #regain() {
    const turn = this.#turn;
    try {
      await this.#verify();
    } catch {
      return; // on the next connection
    }
    const { shared, parts } = this;
    if (turn !== this.#turn || !shared || !parts || !this.#device.isTaken) return;
    const kept = await this.#device.open(parts.compacted);
    if (!kept || shared !== this.shared) return;
    void this.#device.keep(shared.whole());
    if (this.#isReadable) this.#device.markSynced(this.access);
  }

  /** Whether this is still the document that was opened, and what we may do with it. */
  async #verify() {
    const info = await this.#options.find(this.#info.name);
    const { id, created_at: created } = this.#info;
    if (info.id !== id || info.created_at !== created) {
      throw Object.assign(new Error("another document has its name now"), { code: "no_such_document" });
    }
    this.heard(info);
  }

  /** The connection is there: we say what we have; what the server lacks it asks for itself. */
  #greet() {
    const { shared, parts } = this;
    if (!shared || !parts) return;
    const messages = [parts.syncMessage("step1", shared.stateVector), parts.awarenessMessage(shared.ourAwareness())];
    this.#socket.send(parts.frameOf(messages));
    if (this.#device.isTaken) void this.#regain();
  }

  /** @param {Uint8Array} frame */
  #receive(frame) {
    const { shared, parts } = this;
    if (!shared || !parts) return;
    for (const message of parts.messagesIn(frame)) {
      if (message.type === "step1") this.#outgoing.answer(message.bytes, this.access === "write");
      else if (message.type === "step2") this.#synced(message.bytes);
      else if (message.type === "update") shared.receive(message.bytes);
      else if (message.type === "awareness") shared.receiveAwareness(message.bytes);
      else if (message.type === "query_awareness") this.#outgoing.tellWhere();
      else if (message.type === "fence") this.#fenced(message.number);
      else if (message.type === "denied") this.#denied();
    }
  }

  /** @param {Uint8Array} update */
  #synced(update) {
    const { shared } = this;
    if (!shared) return;
    shared.receive(update);
    // What was only deleted is in no answer of somebody who may only read: whether it is taken, the server is asked.
    if (this.access === "read" && this.#progress.isUnsaved && shared.deletesMoreThan(update)) {
      this.#progress.changed();
      this.#outgoing.update(shared.deletions());
    }
    if (!this.#isReadable) this.#isReadable = true;
    this.#device.markSynced(this.access);
    this.changed();
  }

  /** @param {number} number */
  #fenced(number) {
    this.#progress.answered(number);
    this.#outgoing.fenced(number);
    this.#socket.isUseful();
    this.changed();
  }

  /** Something was not taken, and nothing that is built upon it will be. */
  #denied() {
    if (!this.#progress.isUnsaved) return; // there was nothing to take
    this.#progress.refused();
    this.changed();
  }

  /** @param {number} code */
  #closed(code) {
    if (code !== BAD_UPDATE) return;
    // The server cannot make sense of this copy: it is given up for its own.
    if (this.#progress.isUnsaved) this.rescued = this.text();
    void this.#renew();
  }

  /** Nothing connects before it is done. */
  #renew() {
    this.#letGo();
    this.#device.remove();
    this.#isReadable = false;
    this.changed();
    this.#renewing = this.#begin();
    return this.#renewing;
  }

  #connectionChanged() {
    const { state, why } = this.#socket;
    if (state !== "open") {
      this.#outgoing.disconnected();
      this.#progress.disconnected();
      this.shared?.everybodyLeaves();
    }
    if (why === "gone") {
      // Whoever may not read it any more keeps nothing of it.
      this.#device.remove();
    }
    this.changed();
  }

  #look() {
    if (this.#socket.state !== "open") return;
    this.shared?.everybodyStays();
    this.#outgoing.flush();
  }

  #letGo() {
    const { shared } = this;
    this.shared = null;
    shared?.destroy();
  }
}

const BAD_UPDATE = 4005;
