const MAX_LENGTH = 128;
// As the server takes them: letters and digits of any script, with everything that belongs to a letter.
const NAME = /^[\p{Alphabetic}\p{N}_-]+(?:\.[\p{Alphabetic}\p{N}_-]+)*$/u;

/**
 * The name of a channel as the server knows it, or null when it cannot be one.
 * @param {string} text
 */
export function channelName(text) {
  if (text.length > MAX_LENGTH * 18) return null;
  const name = text.trim().normalize("NFKC");
  return NAME.test(name) && Array.from(name).length <= MAX_LENGTH ? name : null;
}
