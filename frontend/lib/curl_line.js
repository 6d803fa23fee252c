/** In characters. */
const MAX_KEY_NAME = 64;
const PRODUCT = '{"manufacturer":"Norden","productName":"Desk lamp","pricePerUnit":49.90,"unitsAvailable":12}';
const SAMPLE = { message: { text: "oh hai" } };

/**
 * What somebody pastes into a shell to publish to a channel.
 * @param {string} origin of the server
 * @param {string} channel
 */
export function curlLine(origin, channel) {
  return postLine(`${origin}/publish`, JSON.stringify({ channel, data: SAMPLE }));
}

/** What somebody pastes into a shell to add a product. @param {string} origin of the server */
export function productLine(origin) {
  return postLine(`${origin}/products`, PRODUCT);
}

/**
 * How an owner makes a key for it. No two keys have the same name, so it is named after the channel.
 * @param {string} channel
 */
export function keyLine(channel) {
  const name = Array.from(`publish-${channel}`).slice(0, MAX_KEY_NAME).join("");
  return `switchboard key create ${shellWord(name)} --scope ${shellWord(`publish:${channel}`)}`;
}

/** How an owner makes a key for products. */
export const PRODUCTS_KEY_LINE = "switchboard key create shop --scope products";

/** @param {string} url @param {string} json */
function postLine(url, json) {
  const words = ["curl"];
  // Nobody gives a certificate to a machine's own name for itself.
  if (isOwnMachine(new URL(url))) words.push("-k");
  words.push(shellWord(url));
  for (const header of ["Authorization: Bearer sbk_YOUR_KEY", "Content-Type: application/json"]) {
    words.push("-H", shellWord(header));
  }
  words.push("-d", shellWord(json));
  return words.join(" ");
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
