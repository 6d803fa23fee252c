import { Fake, mount } from "./.try.mjs";
import { Server, launch, newPerson, setUpOwner, acceptInvitation, invitationLink, accessible } from "./tests/page/harness.mjs";
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const [server, browser] = await Promise.all([Server.start(), launch()]);
try {
  const alice = await newPerson(browser, server); const bob = await newPerson(browser, server); const ph = await newPerson(browser, server, PHONE);
  await setUpOwner(alice, server); const link = await invitationLink(alice.page, { uses: "5 people" }).catch(() => invitationLink(alice.page, { uses: "25 people" }));
  await acceptInvitation(bob, link, "bob"); await acceptInvitation(ph, link, "priya.k");
  const fake = new Fake("# Release plan\n\nWe ship on **Thursday**, if *nothing* breaks. See [the notes](https://example.org/notes).\n\n## Steps\n\n1. stop the old one\n2. start the `new` one\n3. that is all – nobody has to reload anything\n\n- [x] changelog\n- [ ] screenshots\n\n> Somebody said: measure first.\n\n```\nswitchboard serve\n```\n\n" + Array.from({ length: 60 }, (_, i) => `Line ${i + 1} of many, each long enough to be worth a look and to wrap on a phone.`).join("\n"));
  for (const p of [alice, bob, ph]) { await fake.route(p.page); await p.page.reload(); await p.page.locator(".composer").waitFor(); await mount(p.page); }
  const ed = (p) => p.page.getByRole("textbox", { name: "Release plan" });
  for (const p of [alice, bob, ph]) await ed(p).waitFor();
  await alice.page.locator('.document[data-state=saved]').waitFor();
  console.log("open", await alice.page.locator(".document-state").innerText());
  await ed(bob).click(); await bob.page.keyboard.press("Control+Home"); await bob.page.keyboard.type("Hi from bob. ");
  await ed(ph).focus(); await ph.page.keyboard.press("Control+Home"); for (let i=0;i<6;i++) await ph.page.keyboard.press("ArrowDown"); await ph.page.keyboard.press("Shift+End");
  await alice.page.getByText("Hi from bob").waitFor();
  await alice.page.waitForTimeout(300);
  for (const [n, p] of [["desk", alice], ["phone", ph]]) for (const colorScheme of ["light", "dark"]) { await p.page.emulateMedia({ colorScheme }); await p.page.screenshot({ path: `/tmp/de/open-${n}-${colorScheme}.png` }); await accessible(p.page, n + colorScheme).catch((e) => console.log("AXE", n, colorScheme, e.message.slice(0, 1500))); }
  console.log({ carets: await alice.page.locator(".remote-caret-name").allInnerTexts(), people: await alice.page.locator(".document-people").innerText() });
  // typing & state
  fake.holdFences = true; await ed(alice).click(); await alice.page.keyboard.type("A"); console.log(await alice.page.locator(".document-state").innerText());
  fake.holdFences = false; await alice.page.keyboard.type("B"); await alice.page.locator('.document[data-state=saved]').waitFor();
  await alice.page.keyboard.press("Control+z"); console.log("undone", fake.doc.getText("text").toString().includes("AB"), fake.doc.getText("text").toString().slice(0, 20));
  // tab
  await alice.page.keyboard.press("Escape"); await alice.page.keyboard.press("Tab"); console.log("tab ->", await alice.page.evaluate(() => document.activeElement.className + document.activeElement.tagName));
  // search
  await ed(alice).click(); await alice.page.keyboard.press("Control+f"); await alice.page.locator(".cm-search").waitFor(); await alice.page.keyboard.type("many"); await alice.page.keyboard.press("Enter"); await alice.page.waitForTimeout(100);
  await alice.page.screenshot({ path: `/tmp/de/search-desk-dark.png` }); await accessible(alice.page, "search").catch((e) => console.log("AXE search", e.message.slice(0, 1500))); await alice.page.keyboard.press("Escape");
  // offline
  fake.up = false; fake.cut(1012, "jitter_ms=100"); await alice.page.locator('.document[data-state=offline]').waitFor(); await ed(alice).click(); await alice.page.keyboard.type("offline words "); await alice.page.locator('.document[data-state=offline]').waitFor();
  await alice.page.screenshot({ path: `/tmp/de/offline-desk-dark.png` });
  fake.up = true; await alice.page.locator('.document[data-state=saved]').waitFor({ timeout: 30000 }); console.log("merged", fake.doc.getText("text").toString().includes("offline words"));
  // read only denied
  fake.access = "read"; await alice.page.keyboard.type("no"); await alice.page.locator('.document[data-state=refused]').waitFor(); await alice.page.emulateMedia({ colorScheme: "light" });
  await alice.page.screenshot({ path: `/tmp/de/refused-desk-light.png` }); await accessible(alice.page, "refused").catch((e) => console.log("AXE refused", e.message.slice(0, 800)));
  await alice.page.getByRole("button", { name: "Discard my changes" }).click(); await alice.page.locator('.document[data-state=read_only]').waitFor(); await alice.page.screenshot({ path: `/tmp/de/rescued-desk-light.png` });
  fake.access = "write";
  await ph.page.locator('.document[data-state=saved]').waitFor();
  fake.full = true; await ed(ph).click(); await ph.page.keyboard.type("x"); await ph.page.locator('.document[data-state=full]').waitFor(); await ph.page.screenshot({ path: `/tmp/de/full-phone-dark.png` }); fake.full = false;
  await ph.page.getByRole("button", { name: "Try again" }).click(); await ph.page.locator('.document[data-state=saved]').waitFor();
  fake.id = 0; fake.cut(4007); await ph.page.locator('.document[data-state=deleted]').waitFor(); await ph.page.screenshot({ path: `/tmp/de/deleted-phone-dark.png` });
  console.log("dbs", await ph.page.evaluate(async () => (await indexedDB.databases()).map((d) => d.name)));
  console.log("news", await alice.page.locator(".document-news").innerText());
  console.log(alice.problems, bob.problems, ph.problems);
} finally { await browser.close(); await server.remove(); }
