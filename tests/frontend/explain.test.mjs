import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainArrivals, explainPublishing, publishingTitle } from "../../frontend/views/explain_channel.js";

describe("why something was not published", () => {
  it("does not say so when nobody knows", () => {
    for (const code of ["network", "timeout", "unavailable", "storage_unavailable", "internal"]) {
      const text = explainPublishing({ code });
      assert.doesNotMatch(text, /^Not published/, code);
      assert.match(text, /not known whether this was published/, code);
      assert.match(text, /publishes it once/, code);
    }
  });

  it("says so when the server has refused it", () => {
    for (const code of ["too_large", "too_many_requests", "bad_json", "conflict"]) {
      assert.match(explainPublishing({ code }), /^Not published\. /, code);
    }
  });

  it("does not speak of messages", () => {
    assert.doesNotMatch(explainPublishing({ code: "conflict" }), /message/);
  });
});

describe("who may publish", () => {
  it("is said once the server has said it", () => {
    const title = (/** @type {any} */ state, mayPublish = false) => publishingTitle({ state, mayPublish });
    assert.equal(title("waiting"), "Publish from a program");
    assert.equal(title("listening", true), "Publish from a program");
    assert.equal(title("listening"), "Only API keys may publish here");
  });
});

describe("what is said of what arrives", () => {
  it("is one short sentence, however much it is", () => {
    assert.equal(explainArrivals(0, 7), "");
    assert.equal(explainArrivals(1, 7), "Publication 7 has arrived.");
    assert.equal(explainArrivals(1234, 2000), "1234 publications have arrived, the last is 2000.");
  });
});
