/** Close codes after which it is no use to come back as before: bad_update, document_full, document_gone. */
const FINAL = [4005, 4006, 4007];

/**
 * Keeps a y-websocket provider connected, which was made with `connect: false` and is otherwise as it comes from npm.
 *
 * A one-time password opens one connection. The provider reads its `params` whenever it connects, so each time `admit` is asked
 * for `{ server, otp }` first, and the provider is told not to come back by itself, which it would do with the old one.
 */
export function stayConnected(provider, admit, onEnd = console.warn) {
  let tries = 0;
  const connect = async () => {
    const { server, otp } = await admit();
    provider.serverUrl = `${server.replace(/^http/, "ws")}/documents`;
    provider.params.otp = otp;
    provider.connect();
  };
  const again = (least = 0) => {
    const most = Math.max(least, Math.min(30_000, 500 * 2 ** tries++));
    setTimeout(() => connect().catch(() => again()), Math.random() * most);
  };
  provider.shouldReconnect = () => false;
  provider.on("sync", (synced) => synced && (tries = 0));
  provider.on("closed", ({ code, reason }) => {
    if (FINAL.includes(code)) onEnd(code, reason);
    else again(Number(reason.split("jitter_ms=")[1] ?? 0)); // a server that restarts spreads its clients
  });
  connect().catch(() => again());
}
