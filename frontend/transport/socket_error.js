/**
 * Why a request on the socket got no `ok`: the server's code, or one of ours, `disconnected` and `timeout`,
 * after which nobody knows whether the request took effect.
 */
export class SocketError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = "SocketError";
    this.code = code;
  }

  /** Whether the same request may be sent again on the next connection. */
  get connectionLost() {
    return this.code === "disconnected" || this.code === "timeout";
  }
}
