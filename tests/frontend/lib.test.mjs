import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AVATAR_COLOURS, colourOf, initials } from "../../frontend/lib/avatar.js";
import { fullJitter, slowJitter } from "../../frontend/lib/backoff.js";
import { cleanText } from "../../frontend/lib/clean_text.js";
import { layOut } from "../../frontend/lib/grouping.js";
import { splitLinks } from "../../frontend/lib/linkify.js";
import { roomStep } from "../../frontend/lib/room_step.js";
import { slug } from "../../frontend/lib/slug.js";
import { textLength } from "../../frontend/lib/text_length.js";
import { TokenBucket } from "../../frontend/lib/token_bucket.js";
import { Drafts } from "../../frontend/models/drafts.js";
import { linkOf } from "../../frontend/models/door.js";
import { memoryStorage } from "./fakes.mjs";

/** @param {string} text */
const links = (text) => splitLinks(text).flatMap((part) => part.href ?? []);

describe("splitLinks", () => {
  it("finds http, https and mailto, and nothing else", () => {
    assert.deepEqual(links("see https://a.example/x and http://b.example, or mailto:me@c.example."), [
      "https://a.example/x",
      "http://b.example/",
      "mailto:me@c.example",
    ]);
    for (const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "ftp://x.example",
      "vbscript:x",
      "https://",
      "mailto:nobody",
      "no link",
    ]) {
      assert.deepEqual(links(text), [], text);
    }
  });

  it("leaves the sentence's punctuation outside, and brackets that were opened inside within", () => {
    assert.deepEqual(
      splitLinks("(https://a.example/b_(c)).").map((part) => part.text),
      ["(", "https://a.example/b_(c)", ")."],
    );
    assert.deepEqual(splitLinks("really https://a.example/?q=1!?")[1], {
      text: "https://a.example/?q=1",
      href: "https://a.example/?q=1",
    });
  });

  it("never loses a character", () => {
    for (const text of [
      "",
      "https://a.example",
      "a https://a.example\nhttps://b.example b",
      "<a href='https://a.example'>x</a>",
      "https://a.example/\u202egpj.exe",
    ]) {
      assert.equal(
        splitLinks(text)
          .map((part) => part.text)
          .join(""),
        text,
      );
    }
  });

  it("stops at characters that turn text around", () => {
    assert.deepEqual(links("https://a.example/\u202egpj.exe"), ["https://a.example/"]);
  });

  it("is quick on long hostile text", () => {
    const started = performance.now();
    splitLinks(`https://${"(".repeat(8000)}`);
    splitLinks("https://a".repeat(900));
    assert.ok(performance.now() - started < 1000);
  });
});

describe("layOut", () => {
  const at = (/** @type {number} */ minute, day = 10) => new Date(2026, 10, day, 12, minute).getTime();
  const item = (/** @type {string} */ key, from = "bob", sent = at(0), kind = "message") => ({
    key,
    kind,
    from,
    sent,
    offset: Number(key),
  });
  /** @param {Parameters<typeof layOut>} request */
  const shape = (...request) =>
    layOut(...request).map((row) => (row.kind === "item" ? `${row.key}${row.head ? "*" : ""}` : row.kind));

  it("groups an author's messages within five minutes", () => {
    assert.deepEqual(shape([item("1"), item("2", "bob", at(4)), item("3", "bob", at(8)), item("4", "bob", at(13))]), [
      "day",
      "1*",
      "2",
      "3",
      "4*",
    ]);
    assert.deepEqual(shape([item("1"), item("2", "carol"), item("3")]), ["day", "1*", "2*", "3*"]);
  });

  it("begins anew after a line that is no message", () => {
    assert.deepEqual(shape([item("1"), { key: "2", kind: "joined", from: "bob", offset: 2 }, item("3")]), [
      "day",
      "1*",
      "2*",
      "3*",
    ]);
  });

  it("separates days, in local time", () => {
    const late = new Date(2026, 10, 10, 23, 59).getTime();
    assert.deepEqual(shape([item("1", "bob", late), item("2", "bob", late + 60_000)]), ["day", "1*", "day", "2*"]);
  });

  it("separates no day twice, though a message that failed yesterday stays below today's", () => {
    const items = [item("1", "bob", at(0, 9)), item("2", "bob", at(0, 10)), item("3", "alice", at(0, 9))];
    const rows = layOut(items, { me: "alice" });
    assert.deepEqual(
      rows.map((row) => row.kind),
      ["day", "item", "day", "item", "item"],
    );
    assert.equal(new Set(rows.map((row) => row.key)).size, rows.length, "keys are unique");
  });

  it("draws one line above what is new and not one's own", () => {
    const items = [item("1"), item("2", "alice"), item("3"), item("4")];
    assert.deepEqual(shape(items, { newAfter: 1, me: "alice" }), ["day", "1*", "2*", "new", "3*", "4"]);
    assert.deepEqual(shape(items, { newAfter: 4, me: "alice" }), ["day", "1*", "2*", "3*", "4"]);
  });
});

describe("backoff", () => {
  it("is random below a ceiling that doubles up to 30 s", () => {
    const most = () => 0.999999;
    assert.deepEqual(
      [0, 1, 2, 3, 6, 7, 99].map((attempt) => Math.ceil(fullJitter(attempt, most) / 100) * 100),
      [500, 1000, 2000, 4000, 30_000, 30_000, 30_000].map((ms) => Math.ceil((ms - 1) / 100) * 100),
    );
    assert.equal(
      fullJitter(9, () => 0),
      0,
    );
  });

  it("is never short when asked to be slow", () => {
    assert.equal(
      slowJitter(0, () => 0),
      4000,
    );
    assert.equal(slowJitter(20, () => 0.999999) <= 30_000, true);
  });
});

describe("text", () => {
  it("is cleaned of what the server refuses, and of nothing else", () => {
    assert.equal(cleanText("a\r\nb\rc\t\u0000\u0085d\ud800 \n"), "a\nb\nc\td\ufffd");
    assert.equal(cleanText("  indented 👩‍👩‍👧"), "  indented 👩‍👩‍👧");
  });

  it("is measured in characters", () => {
    assert.equal(textLength("a😀é"), 3);
  });

  it("becomes a room name", () => {
    assert.equal(slug("Release Planning!"), "release-planning");
    assert.equal(slug("  Ünïcode & Straße "), "ünïcode-straße");
    assert.equal(slug("ＦＵＬＬ １"), "full-1");
    assert.equal(slug("<script>"), "script");
    assert.equal(slug("!!!"), "");
    assert.equal(textLength(slug("x".repeat(100))), 64);
  });
});

describe("avatars", () => {
  it("have initials and a colour for every name", () => {
    assert.deepEqual(["alice", "dmitri.k", "Ada-Lovelace", "_", "日本"].map(initials), ["A", "DK", "AL", "_", "日"]);
    const colours = new Set(Array.from({ length: 500 }, (_, index) => colourOf(`user${index}`)));
    assert.deepEqual(
      [...colours].sort((a, b) => a - b),
      Array.from({ length: AVATAR_COLOURS }, (_, index) => index),
    );
    assert.equal(colourOf("Alice"), colourOf("alice"));
  });
});

describe("Drafts", () => {
  it("are kept per user and room", () => {
    const storage = memoryStorage();
    new Drafts(storage, 1).set("general", "half a thought");
    assert.equal(new Drafts(storage, 1).get("general"), "half a thought");
    assert.equal(new Drafts(storage, 1).get("other"), "");
    assert.equal(new Drafts(storage, 2).get("general"), "");
    new Drafts(storage, 1).set("general", " ");
    assert.equal(storage.length, 0);
  });

  it("do without a storage, and survive a broken one", () => {
    assert.equal(new Drafts(undefined, 1).get("general"), "");
    const full = {
      ...memoryStorage(),
      setItem: () => {
        throw new Error("quota");
      },
      getItem: () => "{broken",
    };
    const drafts = new Drafts(full, 1);
    drafts.set("general", "x");
    assert.equal(drafts.get("general"), "");
  });
});

describe("TokenBucket", () => {
  it("lets a burst pass, then a steady pace", () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, 1000);
    assert.deepEqual(
      [1000, 1000, 1000, 1000, 1400, 1500, 1500].map((now) => bucket.take(now)),
      [0, 0, 0, 500, 100, 0, 500],
    );
    assert.deepEqual(
      [9000, 9000, 9000, 9000].map((now) => bucket.take(now)),
      [0, 0, 0, 500],
    );
  });

  it("survives a clock that is set back", () => {
    const bucket = new TokenBucket({ burst: 1, perSecond: 1 }, 100_000);
    assert.deepEqual([bucket.take(100_000), bucket.take(5), bucket.take(1005)], [0, 1000, 0]);
  });
});

describe("roomStep", () => {
  /** @param {object} [more] */
  const pressed = (more) => /** @type {any} */ ({ key: "ArrowDown", altKey: true, target: { tagName: "BODY" }, ...more });
  const field = { tagName: "TEXTAREA", value: "text" };

  it("is Alt with an arrow, and nothing else", () => {
    assert.equal(roomStep(pressed(), "Win32"), 1);
    assert.equal(roomStep(pressed({ key: "ArrowUp" }), "MacIntel"), -1);
    for (const other of [{ altKey: false }, { ctrlKey: true }, { shiftKey: true }, { metaKey: true }, { key: "a" }]) {
      assert.equal(roomStep(pressed(other), "Win32"), 0, JSON.stringify(other));
    }
  });

  it("leaves a Mac's text fields alone while there is text in them", () => {
    assert.equal(roomStep(pressed({ target: field }), "MacIntel"), 0);
    assert.equal(roomStep(pressed({ target: { ...field, value: "" } }), "MacIntel"), 1);
    assert.equal(roomStep(pressed({ target: field }), "Linux x86_64"), 1);
  });

  it("leaves lists of choices alone, which it opens", () => {
    assert.equal(roomStep(pressed({ target: { tagName: "SELECT", value: "1" } }), "Win32"), 0);
  });
});

describe("linkOf", () => {
  it("reads setup and invitation links only", () => {
    assert.deepEqual(linkOf("#setup=abc_-1"), { kind: "setup", token: "abc_-1" });
    assert.deepEqual(linkOf("#invite=x"), { kind: "invite", token: "x" });
    for (const hash of ["", "#", "#setup=", "#other=1", "#invite=%", "#invite=a/b", `#invite=${"x".repeat(600)}`]) {
      assert.equal(linkOf(hash), null, hash);
    }
  });
});
