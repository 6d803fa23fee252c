/** Prints what one of the documents' listeners hears, a line each. usage: listen.mjs FILE APP TOPIC… */
const [file, app, ...topics] = process.argv.slice(2);
const { listen } = await import(file);
const admit = () => fetch(`${app}/otp`, { method: "POST" }).then((answer) => answer.json());
const show = (/** @type {unknown} */ data) => console.log(JSON.stringify(data));
await listen(admit, topics, show, (/** @type {unknown} */ ...gap) => show({ gap }));
