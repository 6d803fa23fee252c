/** In characters. */
const MAX_KEY_NAME = 64;
const SAMPLE = { message: { text: "oh hai" } };

/**
 * What somebody pastes into a shell to publish to a channel.
 * @param {string} origin of the server
 * @param {string} channel
 */
export function curlLine(origin, channel) {
  const words = ["curl"];
  // Nobody gives a certificate to a machine's own name for itself.
  if (isOwnMachine(new URL(origin))) words.push("-k");
  words.push(shellWord(`${origin}/publish`));
  for (const header of ["Authorization: Bearer sbk_YOUR_KEY", "Content-Type: application/json"]) {
    words.push("-H", shellWord(header));
  }
  words.push("-d", shellWord(JSON.stringify({ channel, data: SAMPLE })));
  return words.join(" ");
}

/**
 * How an owner makes a key for it. No two keys have the same name, so it is named after the channel.
 * @param {string} channel
 */
export function keyLine(channel) {
  const name = Array.from(`publish-${channel}`).slice(0, MAX_KEY_NAME).join("");
  return `switchboard key create ${shellWord(name)} --scope ${shellWord(`publish:${channel}`)}`;
}

/**
 * One word for a POSIX shell, in quotes where it needs them.
 * @param {string} text
 */
export function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @param {URL} url */
function isOwnMachine({ protocol, hostname }) {
  return protocol === "https:" && /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
