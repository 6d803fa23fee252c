/**
 * Hears channels with the browser's EventSource. Comes back by itself; nothing is lost, nothing comes twice.
 *
 * `admit` fetches `{ server, otp }`, afresh for every connection (app.py answers it). `onGap(topics)` is told where the
 * server cannot give what was missed, as it keeps it no longer: read anew.
 */
export async function listen(admit, topics, onData, onGap = console.warn) {
  for (let lastId = "", tries = 0; ; tries++) {
    const { server, otp } = await admit().catch(() => ({}));
    const query = new URLSearchParams([...topics.map((topic) => ["topic", topic]), ["otp", otp], ["last_event_id", lastId]]);
    const source = otp && new EventSource(`${server}/events?${query}`);
    const hear = ({ data, lastEventId }) => {
      const { type, payload } = JSON.parse(data);
      [lastId, tries] = [lastEventId || lastId, 0];
      if (type === "hello" && Object.values(payload.topics).some((topic) => topic.reason)) onGap(payload.topics);
      if (type === "published") onData(payload.data, payload.channel);
    };
    if (otp) await new Promise((resolve) => Object.assign(source, { onmessage: hear, onerror: () => resolve(source.close()) }));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(30_000, 500 * 2 ** tries)));
  }
}
