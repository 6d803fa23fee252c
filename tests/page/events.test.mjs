import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Server, launch, newPerson, setUpOwner, until } from "./harness.mjs";

/** @typedef {import("./harness.mjs").Person} Person */

describe("the browser's own EventSource", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Person} */ let alice;
  let key = "";

  before(async () => {
    [server, browser] = await Promise.all([
      Server.start({ SWITCHBOARD__SERVER__RESTART_JITTER_SECS: "0.5" }),
      launch(),
    ]);
    alice = await newPerson(browser, server);
    await setUpOwner(alice, server);
    key = await server.key();
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** @param {number} number */
  const publish = (number) => server.publishByKey(key, "bunno", [number]);
  /** @returns {Promise<number[]>} */
  const heard = () => alice.page.evaluate(() => /** @type {any} */ (globalThis).heard);
  const state = () => alice.page.evaluate(() => /** @type {any} */ (globalThis).source.readyState);

  it("hears everything once and in order, though the server is stopped and killed", async () => {
    await alice.page.evaluate(
      () =>
        new Promise((resolve) => {
          const source = new EventSource("/events?topic=channel.bunno&topic=room.general");
          /** @type {number[]} */ const numbers = [];
          source.onmessage = ({ data }) => {
            const event = JSON.parse(data);
            if (event.type === "published") numbers.push(event.payload.data);
            if (event.type === "caught_up") resolve(undefined);
          };
          Object.assign(globalThis, { source, heard: numbers });
        }),
    );
    let last = 0;
    for (const signal of /** @type {const} */ (["SIGKILL", "SIGTERM", "SIGKILL"])) {
      await publish(++last);
      await until(async () => (await heard()).at(-1) === last, `${last} is heard`);
      await publish(++last);
      await server.stop(signal);
      await until(async () => (await state()) === 0, "the browser reconnects");
      await server.run();
      await publish(++last);
      await until(async () => (await heard()).at(-1) === last, `${last} is heard after ${signal}`, 60_000);
    }
    assert.deepEqual(await heard(), Array.from({ length: last }, (_, index) => index + 1));
  });

  it("gives up when the session has ended", async () => {
    await alice.page.evaluate(() =>
      fetch("/logout", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }),
    );
    await until(async () => (await state()) === 2, "the stream is closed for good");
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual(alice.problems, []);
  });
});
