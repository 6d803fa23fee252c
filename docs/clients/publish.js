/**
 * Publishes data to a channel, from a back end (Node 20 or newer). Tries again for about a minute, and is published once
 * however often that was: every try has the same Idempotency-Key. With one of your own ("order-42-paid") a program that
 * starts over repeats safely too.
 */
const { SWITCHBOARD_URL, SWITCHBOARD_KEY } = process.env;
const identity = { Authorization: `Bearer ${SWITCHBOARD_KEY}`, "Content-Type": "application/json" };

export async function publish(channel, data, once = crypto.randomUUID(), tries = 0) {
  const request = { method: "POST", headers: { ...identity, "Idempotency-Key": once }, body: JSON.stringify({ channel, data }) };
  const sent = fetch(`${SWITCHBOARD_URL}/publish`, { ...request, signal: AbortSignal.timeout(10_000) });
  const answer = await sent.then(async (a) => ({ status: a.status, ...(await a.json()) })).catch((error) => ({ error }));
  if (answer.status === 200) return answer;
  if (tries > 7 || ![undefined, 408, 429, 500, 503].includes(answer.status)) throw new Error(answer.error.message);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 500 * 2 ** tries));
  return publish(channel, data, once, tries + 1);
}
