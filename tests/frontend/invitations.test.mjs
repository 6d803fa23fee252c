import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Invitations } from "../../frontend/models/invitations.js";

/** A server that answers how its links stand whenever the test wants it to. */
function slowServer() {
  /** @type {((ids: number[]) => void)[]} */ const answers = [];
  const api = {
    invitations: () =>
      new Promise((resolve) => answers.push((ids) => resolve({ invitations: ids.map((id) => ({ id })) }))),
    invite: async () => ({ token: "made" }),
    revokeInvitation: async () => undefined,
  };
  return { answers, invitations: new Invitations(/** @type {any} */ (api), "https://a.example") };
}

/** @param {Invitations} invitations */
const ids = ({ live }) => live.map(({ id }) => id);

describe("Invitations", () => {
  it("keep a new link when what was asked before it is answered after it", async () => {
    const { answers, invitations } = slowServer();
    const loading = invitations.load();
    const creating = invitations.create({ role: "member", uses: 1, expires_in_secs: 60 });
    await Promise.resolve();
    answers[1]?.([1, 2]);
    await creating;
    answers[0]?.([1]);
    await loading;
    assert.deepEqual(ids(invitations), [1, 2]);
    assert.equal(invitations.link, "https://a.example/#invite=made");
  });

  it("do not bring back a link that was revoked while they were read", async () => {
    const { answers, invitations } = slowServer();
    const first = invitations.load();
    answers[0]?.([1, 2]);
    await first;
    const loading = invitations.load();
    await invitations.revoke(1);
    answers[1]?.([1, 2]);
    await loading;
    assert.deepEqual(ids(invitations), [2]);
  });
});
