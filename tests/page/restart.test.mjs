import assert from "node:assert/strict";
import { cp, rename, rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import {
  Server,
  acceptInvitation,
  composer,
  createRoom,
  hears,
  inRoom,
  invitationLink,
  launch,
  message,
  newPerson,
  roomItem,
  say,
  setUpOwner,
  until,
} from "./harness.mjs";

/** @typedef {import("./harness.mjs").Person} Person */

describe("trouble", () => {
  /** @type {Server} */ let server;
  /** @type {import("playwright-core").Browser} */ let browser;
  /** @type {Person} */ let alice;
  /** @type {Person} */ let bob;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    [alice, bob] = [await newPerson(browser, server), await newPerson(browser, server)];
    await setUpOwner(alice, server);
    await acceptInvitation(bob, await invitationLink(alice.page), "bob");
    for (const { page } of [alice, bob]) {
      await page.evaluate(() => void Object.assign(globalThis, { neverReloaded: true }));
    }
  });
  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  /** What was said is there once, for alice too, also when what was said after it is. @param {import("./harness.mjs").Page} page @param {string} text */
  async function isOnce(page, text) {
    await say(page, `after ${text}`);
    await hears(page, `after ${text}`);
    await hears(alice.page, `after ${text}`);
    await hears(page, text);
    await hears(alice.page, text);
  }

  /** @param {Person} person */
  const banner = ({ page }) => page.locator(".banner.shown");

  for (const signal of /** @type {const} */ (["SIGTERM", "SIGKILL"])) {
    it(`a server that ends by ${signal} loses nothing, and no page needs a reload`, async () => {
      await say(alice.page, `before ${signal}`);
      await hears(bob.page, `before ${signal}`);
      await server.stop(signal);
      await Promise.all([alice, bob].map((person) => banner(person).waitFor()));
      await alice.page.getByText("Connection lost.").waitFor();
      await say(alice.page, `while it is down after ${signal}`);
      await message(alice.page, `while it is down after ${signal}`)
        .getByText("Goes out when you are connected again")
        .waitFor();
      await server.run();
      await Promise.all([alice, bob].map((person) => hears(person.page, `while it is down after ${signal}`)));
      await Promise.all([alice, bob].map((person) => banner(person).waitFor({ state: "detached" })));
      await say(bob.page, `after ${signal}`);
      await hears(alice.page, `after ${signal}`);
      for (const { page } of [alice, bob]) {
        assert.equal(await page.evaluate(() => /** @type {any} */ (globalThis).neverReloaded), true);
        assert.equal(await message(page, `before ${signal}`).count(), 1);
      }
    });
  }

  it("counts down and tries at once when told to", async () => {
    await server.stop("SIGKILL");
    await banner(alice)
      .getByText(/Trying again in \d+ s|Connecting…/)
      .waitFor();
    await server.run();
    await until(async () => {
      const button = banner(alice).getByRole("button", { name: "Try now" });
      // It may come back by itself before the click.
      if ((await button.count()) > 0) await button.click({ timeout: 500 }).catch(() => undefined);
      return (await banner(alice).count()) === 0;
    }, "the connection is back");
    await hears(alice.page, "after SIGKILL");
  });

  it("shows a refusal, and a retry does not double what had arrived after all", async () => {
    const page = await bob.context.newPage();
    let refused = 0;
    await page.routeWebSocket(/\/ws/, (socket) => {
      const upstream = socket.connectToServer();
      /** @type {Set<number>} */
      const sends = new Set();
      /** @type {Set<string>} */
      const lost = new Set();
      socket.onMessage((text) => {
        const { type, id, payload } = JSON.parse(String(text));
        if (type === "send_message" && refused === 0) {
          sends.add(id);
          lost.add(payload.client_id);
        }
        upstream.send(text);
      });
      upstream.onMessage((text) => {
        const envelope = JSON.parse(String(text));
        // The server has it; the page is told otherwise, and does not hear the announcement either.
        if (envelope.type === "new_message" && lost.has(envelope.payload.client_id)) return;
        if (!sends.delete(envelope.id)) return socket.send(text);
        refused += 1;
        socket.send(
          JSON.stringify({ type: "error", id: envelope.id, payload: { code: "storage_unavailable", message: "no" } }),
        );
      });
    });
    await page.goto("/");
    await inRoom(page, "General");
    await say(page, "said once");
    const row = message(page, "said once");
    await row.getByText("Not sent.").waitFor();
    assert.equal(refused, 1);
    await row.getByRole("button", { name: "Retry" }).click();
    await hears(page, "said once");
    await isOnce(page, "said once");
    await page.close();
  });

  it("deletes a failed message only here", async () => {
    const page = await bob.context.newPage();
    await page.routeWebSocket(/\/ws/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const { type, id } = JSON.parse(String(text));
        if (type !== "send_message") return upstream.send(text);
        socket.send(JSON.stringify({ type: "error", id, payload: { code: "unavailable", message: "busy" } }));
      });
    });
    await page.goto("/");
    await inRoom(page, "General");
    await say(page, "better not");
    await message(page, "better not").getByRole("button", { name: "Delete" }).click();
    await message(page, "better not").waitFor({ state: "detached" });
    await page.reload();
    await inRoom(page, "General");
    assert.equal(await message(page, "better not").count(), 0);
    await page.close();
  });

  it("sends once what was acknowledged into a dead connection", async () => {
    const page = await bob.context.newPage();
    let cut = false;
    await page.routeWebSocket(/\/ws/, (socket) => {
      const upstream = socket.connectToServer();
      let dead = false;
      /** @type {number | null} */
      let sent = null;
      socket.onMessage((text) => {
        const { type, id } = JSON.parse(String(text));
        if (!cut && type === "send_message") sent ??= id;
        upstream.send(text);
      });
      upstream.onMessage((text) => {
        const { type, id } = JSON.parse(String(text));
        // Whichever of the two comes first would say that it has arrived.
        dead ||= sent !== null && (type === "new_message" || id === sent);
        if (!dead) return socket.send(text);
        cut = true;
        void socket.close({ code: 4002, reason: "pong_timeout" });
      });
    });
    await page.goto("/");
    await inRoom(page, "General");
    await say(page, "into the dark");
    await hears(page, "into the dark");
    await isOnce(page, "into the dark");
    assert.equal(cut, true);
    await page.close();
  });

  it("keeps what is unsent over a reload, and sends it once", async () => {
    const page = await bob.context.newPage();
    let blocked = false;
    await page.routeWebSocket(/\/ws/, (socket) => {
      if (blocked) void socket.close({ code: 1011, reason: "internal" });
      else socket.connectToServer();
    });
    await page.goto("/");
    await inRoom(page, "General");
    blocked = true;
    await page.reload();
    await page.locator(".banner.shown").waitFor();
    await say(page, "written in between");
    await page.reload();
    await message(page, "written in between").waitFor();
    blocked = false;
    await hears(page, "written in between");
    await isOnce(page, "written in between");
    await page.close();
  });

  it("says so when there is no network, and comes back with it", async () => {
    await alice.context.setOffline(true);
    await server.stop("SIGKILL");
    await alice.page.getByText("You are offline.").waitFor();
    await say(alice.page, "from the tunnel");
    await server.run();
    await alice.context.setOffline(false);
    await hears(alice.page, "from the tunnel");
    await hears(bob.page, "from the tunnel");
  });

  it("follows in every room what happened meanwhile", async () => {
    await createRoom(alice.page, "Night shift");
    await bob.page.reload();
    await bob.page.getByRole("button", { name: "Join Night shift" }).click();
    await inRoom(bob.page, "Night shift");
    await roomItem(bob.page, "General").click();
    await inRoom(bob.page, "General");
    await bob.context.setOffline(true);
    await server.stop("SIGTERM");
    await server.run();
    await say(alice.page, "you missed this");
    await hears(alice.page, "you missed this");
    await bob.context.setOffline(false);
    await roomItem(bob.page, "Night shift").getByText("1").waitFor();
    await roomItem(bob.page, "Night shift").click();
    await hears(bob.page, "you missed this");
    assert.equal(await composer(bob.page).isEditable(), true);
  });

  it("shows after a restore from a backup what is there, and nothing of what is not", async () => {
    const backup = `${server.dataDir}-backup`;
    for (const { page } of [alice, bob]) {
      await roomItem(page, "General").click();
      await inRoom(page, "General");
    }
    await server.stop();
    await cp(server.dataDir, backup, { recursive: true });
    await server.run();
    for (const text of ["lost one", "lost two", "lost three"]) {
      await say(alice.page, text);
      // What is not acknowledged would rightly be sent again.
      for (const { page } of [alice, bob]) await hears(page, text);
    }
    await server.stop();
    await rm(server.dataDir, { recursive: true });
    await rename(backup, server.dataDir);
    await server.run();
    // Under the ids and offsets that the lost ones had.
    for (const text of ["new one", "new two"]) {
      await say(bob.page, text);
      await hears(alice.page, text);
      await hears(bob.page, text);
    }
    for (const { page } of [alice, bob]) {
      await inRoom(page, "General"); // until the history has been read anew, what was there before is shown
      for (const text of ["lost one", "lost two", "lost three"]) assert.equal(await message(page, text).count(), 0);
      assert.equal(await message(page, "from the tunnel").count(), 1);
    }
  });

  it("never made a page do what it must not", () => {
    assert.deepEqual([...alice.problems, ...bob.problems], []);
  });
});
