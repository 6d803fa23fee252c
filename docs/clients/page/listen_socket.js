/** Changes nothing, and is answered. */
const probe = JSON.stringify({ type: "unsubscribe", id: "probe", payload: { topics: ["channel.nothing"] } });

/**
 * Hears channels over a WebSocket, in a browser or Node 22. Comes back by itself; nothing is lost, nothing comes twice.
 *
 * `admit` fetches `{ server, otp }`, afresh for every connection (app.py answers it). `onGap(topic, why)` is told what the
 * server cannot give: publications it keeps no longer (read anew), a channel that is not for you. Ends when what let you in
 * has ended (4001).
 */
export async function listen(admit, topics, onData, onGap = console.warn) {
  const seen = Object.fromEntries(topics.map((topic) => [topic, null]));
  let [tries, epoch, closed] = [0, undefined, undefined];
  while (closed?.code !== 4001) {
    const { server, otp } = await admit().catch(() => ({}));
    closed = otp && (await new Promise((resolve) => {
      const socket = new WebSocket(`${server.replace("http", "ws")}/ws?otp=${otp}`);
      let [greeting, silent] = [undefined, true];
      const hear = {
        hello(event) {
          greeting = event.payload;
          socket.send(JSON.stringify({ type: "subscribe", id: "topics", payload: { topics: seen, epoch } }));
        },
        ok({ id, payload }) {
          if (id !== "topics") return;
          [tries, epoch] = [0, greeting.epoch];
          for (const [topic, why] of Object.entries(payload.refused ?? {})) onGap(topic, why.code);
          for (const [topic, at] of Object.entries(payload.topics)) {
            if (at.reason) onGap(topic, at.reason);
            if (!at.recovered) seen[topic] = at.offset;
          }
        },
        published({ topic, offset, payload }) {
          seen[topic] = offset;
          onData(payload.data, payload.channel);
        },
        error: () => socket.close(),
      };
      socket.onmessage = ({ data }) => ((event) => ((silent = false), hear[event.type]?.(event)))(JSON.parse(data));
      // A network that is gone (after sleep, elsewhere) closes nothing: who hears nothing for 25 s asks, then leaves.
      const watch = setInterval(() => (silent ? end() : ((silent = true), socket.send(probe))), 25_000);
      const end = (event) => {
        clearInterval(watch);
        socket.onmessage = null; // whatever a dead one still brings, the next brings again
        socket.close();
        resolve(event);
      };
      socket.onclose = socket.onerror = end; // where it never opened, Node 20 says only the latter
    }));
    const jitter = Number(closed?.reason?.split("jitter_ms=")[1] ?? 0); // a server that restarts spreads its clients
    const most = Math.max(jitter, Math.min(30_000, 500 * 2 ** tries++));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * most));
  }
}
