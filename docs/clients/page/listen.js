/**
 * Hears channels with the browser's EventSource. Comes back by itself; nothing is lost, nothing comes twice.
 *
 * `admit` fetches `{ server, otp }`, afresh for every connection (app.py answers it). `onGap(topics)` is told what the server
 * cannot give: publications it keeps no longer (`reason`: read anew), a channel that is not for you (`code`). Ends when none
 * of them is.
 */
export async function listen(admit, topics, onData, onGap = console.warn) {
  for (let lastId = "", tries = 0; ; tries++) {
    const { server, otp } = await admit().catch(() => ({}));
    const query = new URLSearchParams([...topics.map((topic) => ["topic", topic]), ["otp", otp], ["last_event_id", lastId]]);
    const url = `${server}/events?${query}`;
    const hear = ({ data, lastEventId }) => {
      const { type, payload } = JSON.parse(data);
      [lastId, tries] = [lastEventId || lastId, 0];
      if (type === "hello" && payload.refused) onGap(payload.refused);
      if (type === "hello" && Object.values(payload.topics).some((topic) => topic.reason)) onGap(payload.topics);
      if (type === "published") onData(payload.data, payload.channel);
    };
    if (otp && tries % 3 === 2) {
      const answer = await fetch(url).catch(() => ({})); // it says why; an EventSource only says that it failed
      if ([400, 403, 404].includes(answer.status)) return void onGap((await answer.json()).error);
      await answer.body?.cancel();
      if (answer.ok) continue;
    } else if (otp) await heardOut(new EventSource(url), hear);
    // An EventSource hides how long a server that restarts asks to wait: up to 4 s.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(30_000, 4_000 * 2 ** tries)));
  }
}

/** Ends with the connection; or when the page is back, since one that died meanwhile would not say so. */
function heardOut(source, hear) {
  return new Promise((resolve) => {
    const end = () => {
      source.close();
      globalThis.removeEventListener?.("online", end);
      globalThis.document?.removeEventListener("visibilitychange", onVisible);
      resolve();
    };
    const onVisible = () => document.visibilityState === "visible" && end();
    Object.assign(source, { onmessage: hear, onerror: end });
    globalThis.addEventListener?.("online", end);
    globalThis.document?.addEventListener("visibilitychange", onVisible);
  });
}
