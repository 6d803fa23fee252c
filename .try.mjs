import * as Y from "yjs";
import { Server, launch, newPerson, setUpOwner, acceptInvitation, invitationLink, accessible } from "./tests/page/harness.mjs";
import * as enc from "lib0/encoding"; import * as dec from "lib0/decoding";

export class Fake {
  doc = new Y.Doc(); sockets = new Set(); access = "write"; states = new Map(); up = true; id = 7; holdFences = false; full = false;
  constructor(text) { this.doc.getText("text").insert(0, text); }
  async route(page) {
    await page.route("**/documents/plan", (r) => this.up ? (this.id ? r.fulfill({ json: { name: "plan", id: this.id, title: "Release plan", created_at: 5, access: this.access } }) : r.fulfill({status: 404, json: {error: {code: "no_such_document", message: "no"}}})) : r.abort());
    await page.routeWebSocket(/\/documents\//, (ws) => {
      if (!this.up) return void ws.close({ code: 1011 });
      this.sockets.add(ws); ws.ids = new Set();
      const send = (f) => { const e = enc.createEncoder(); f(e); ws.send(Buffer.from(enc.toUint8Array(e))); };
      ws.tell = send;
      send((e) => { enc.writeVarUint(e, 0); enc.writeVarUint(e, 0); enc.writeVarUint8Array(e, Y.encodeStateVector(this.doc)); });
      for (const a of this.states.values()) send((e) => { enc.writeVarUint(e, 1); enc.writeVarUint8Array(e, a); });
      ws.onMessage((data) => {
        const d = dec.createDecoder(new Uint8Array(data));
        while (dec.hasContent(d)) {
          const t = dec.readVarUint(d);
          if (t === 0) {
            const s = dec.readVarUint(d), b = dec.readVarUint8Array(d);
            if (s === 0) send((e) => { enc.writeVarUint(e, 0); enc.writeVarUint(e, 1); enc.writeVarUint8Array(e, Y.encodeStateAsUpdate(this.doc, b)); });
            else if (this.access === "read" || this.full) { send((e) => { enc.writeVarUint(e, 2); enc.writeVarUint(e, 0); enc.writeVarString(e, this.full ? "document_full" : "read_only"); }); if (this.full) { ws.close({code: 4006}); this.sockets.delete(ws);} }
            else { Y.applyUpdate(this.doc, b); for (const w of this.sockets) w.tell((e) => { enc.writeVarUint(e, 0); enc.writeVarUint(e, 2); enc.writeVarUint8Array(e, b); }); }
          } else if (t === 1) {
            const b = dec.readVarUint8Array(d); this.states.set(ws, b);
            for (const w of this.sockets) w.tell((e) => { enc.writeVarUint(e, 1); enc.writeVarUint8Array(e, b); });
          } else if (t === 100) { const n = dec.readVarUint(d); if (!this.holdFences) send((e) => { enc.writeVarUint(e, 100); enc.writeVarUint(e, n); }); }
        }
      });
      ws.onClose(() => { this.sockets.delete(ws); this.states.delete(ws); });
    });
  }
  cut(code, reason = "") { for (const w of this.sockets) w.close({ code, reason }); this.sockets.clear(); this.states.clear(); }
}
export async function mount(page) {
  await page.evaluate(async () => {
    const at = (p) => import(`/${p}`);
    const [{ Chat }, { Api }, { h, render }, { DocumentView }] = await Promise.all(["models/chat.js", "transport/api.js", "vendor/preact.js", "views/document_view.js"].map(at));
    const api = new Api(); const grant = await api.otp();
    const ws = location.origin.replace("http", "ws");
    const chat = new Chat({ user: grant.user, storage: localStorage, publish: () => {}, products: api, onSignedOut: () => {},
      editing: { url: (n) => `${ws}/documents/${n}`, find: (n) => api.document(n) },
      socket: { url: (o) => `${ws}/ws?otp=${o}`, admission: (r) => api.otp(r) } });
    chat.start(); globalThis.chat = chat;
    const main = document.querySelector("main.room"); 
    const root = document.createElement("div"); root.style.display = "contents"; for (const c of [...main.children]) c.hidden = true, c.style.display="none"; main.append(root);
    render(h(DocumentView, { chat, document: { name: "plan", id: 7, title: "Release plan", created_at: 5 }, onBack() {} }), root);
  });
}
