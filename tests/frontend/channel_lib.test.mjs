import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { channelName } from "../../frontend/lib/channel_name.js";
import { curlLine, keyLine, shellWord } from "../../frontend/lib/curl_line.js";
import { prettyJson } from "../../frontend/lib/pretty_json.js";
import { Api } from "../../frontend/transport/api.js";

const ALL = { lines: 100_000, characters: 10_000_000 };

/** @param {unknown} value @param {import("../../frontend/lib/pretty_json.js").Budget} [budget] */
function drawn(value, budget = ALL) {
  const { tokens, complete } = prettyJson(value, budget);
  return { text: tokens.map(({ text }) => text).join(""), complete, tokens };
}

describe("a channel's name", () => {
  it("is what the server takes", () => {
    for (const name of ["bunno", "orders.42.status", "Ümläut.имя", "a-b_c", "हिदी", "x".repeat(128)]) {
      assert.equal(channelName(name), name.normalize("NFKC"), name);
    }
    assert.equal(channelName("  ｂｕｎｎｏ "), "bunno");
  });

  it("is nothing else", () => {
    const bad = ["", " ", ".", "a.", ".a", "a..b", "a b", "a/b", "../x", "a\u0000", "a\u202eb", "a'b", "x".repeat(129), "*"];
    for (const name of bad) assert.equal(channelName(name), null, JSON.stringify(name));
    assert.equal(channelName("x".repeat(1_000_000)), null);
  });
});

describe("the curl line", () => {
  it("is what the documents say", () => {
    assert.equal(
      curlLine("https://chat.example.org", "bunno"),
      "curl https://chat.example.org/publish -H 'Authorization: Bearer sbk_YOUR_KEY' " +
        `-H 'Content-Type: application/json' -d '{"channel":"bunno","data":{"message":{"text":"oh hai"}}}'`,
    );
  });

  it("names a key after its channel", () => {
    assert.equal(keyLine("orders.42"), "switchboard key create publish-orders.42 --scope publish:orders.42");
    assert.equal(keyLine("-x"), "switchboard key create publish--x --scope publish:-x");
    const [, , , name] = keyLine("न".repeat(128)).split(" ");
    assert.equal(name, `'publish-${"न".repeat(56)}'`);
  });

  it("takes any certificate from this machine only", () => {
    for (const origin of ["https://localhost:8443", "https://127.0.0.1:1", "https://[::1]:8443"]) {
      assert.match(curlLine(origin, "x"), /^curl -k /, origin);
    }
    for (const origin of ["https://localhost.example.org", "https://10.0.0.1", "http://localhost:8080"]) {
      assert.doesNotMatch(curlLine(origin, "x"), / -k /, origin);
    }
  });

  it("is one word to a shell wherever it is one to us", () => {
    for (const word of ["plain", "it's", "$HOME `id` \"x\" \\ !", "'; rm -rf /; '", "имя", "https://[::1]:8443/publish"]) {
      const heard = execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" });
      assert.equal(heard, word);
    }
  });
});

describe("pretty JSON", () => {
  it("is what JSON.stringify would have written", () => {
    const values = [
      null,
      true,
      -0.5,
      1e21,
      "",
      'quote " and \\ and \n',
      [],
      {},
      [[]],
      { a: {} },
      { a: [1, "two", { three: null }], "b c": false, "": 0, ["__proto__"]: 1 },
      JSON.parse('{"__proto__": {"x": [1, [2, [3]]]}}'),
    ];
    for (const value of values) {
      const { text, complete } = drawn(value);
      assert.equal(text, JSON.stringify(value, null, 2));
      assert.equal(complete, true);
    }
  });

  it("says what each piece is", () => {
    const { tokens } = drawn({ key: ["text", 1, null] });
    assert.deepEqual(
      tokens.filter(({ kind }) => kind !== "layout").map(({ kind, text }) => [kind, text]),
      [
        ["key", '"key"'],
        ["string", '"text"'],
        ["number", "1"],
        ["word", "null"],
      ],
    );
  });

  it("shows what would not be seen, or would turn the rest around", () => {
    const value = "a\u202eb\u2066c\u200bd\ufeff\u0085\u2028";
    const { text } = drawn(value);
    assert.equal(text, '"a\\u202eb\\u2066c\\u200bd\\ufeff\\u0085\\u2028"');
    assert.equal(JSON.parse(text), value);
    assert.equal(drawn("שלום 👩‍👩‍👧").text, '"שלום 👩‍👩‍👧"');
  });

  it("stops at so many lines, and at so many characters", () => {
    const lines = drawn(
      Array.from({ length: 1000 }, (_, n) => n),
      { lines: 5, characters: 1000 },
    );
    assert.deepEqual([lines.text.split("\n").length, lines.complete], [5, false]);
    const long = drawn({ long: "x".repeat(1_000_000) }, { lines: 5, characters: 100 });
    assert.ok(long.text.length < 200, String(long.text.length));
    assert.equal(long.complete, false);
    assert.equal(drawn("👩".repeat(10), { lines: 5, characters: 5 }).text, '"👩👩…"');
    assert.equal(drawn([1, 2], { lines: 4, characters: 1000 }).complete, true);
    assert.equal(drawn([1, 2], { lines: 3, characters: 1000 }).complete, false);
  });

  it("does not care how deep it is, or how large", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    assert.equal(drawn(deep, { lines: 100, characters: 5000 }).complete, false);
    assert.equal(drawn(deep, { lines: 1_000_000, characters: 100_000_000 }).complete, true);
    const wide = Array.from({ length: 300_000 }, (_, n) => ({ n }));
    const start = performance.now();
    drawn(wide, { lines: 12, characters: 500 });
    assert.ok(performance.now() - start < 100);
  });
});

describe("publishing over HTTP", () => {
  it("sends the text as it is written, with its key", async () => {
    /** @type {any[]} */
    const calls = [];
    const api = new Api(async (...call) => {
      calls.push(call);
      return Response.json({ channel: "bunno", offset: 7, epoch: "e1", subscribers: 0 });
    });
    const answer = await api.publish("bunno", "12345678901234567890.10", "key-1");
    assert.equal(answer.offset, 7);
    const [path, { method, headers, body, credentials }] = calls[0];
    assert.deepEqual([path, method, credentials], ["/publish", "POST", "same-origin"]);
    assert.deepEqual(headers, { "Content-Type": "application/json", "Idempotency-Key": "key-1" });
    assert.equal(body, '{"channel":"bunno","data":12345678901234567890.10}');
  });
});
