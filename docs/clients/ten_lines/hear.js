// Signs in and prints what is published to a channel. usage: node hear.js SERVER NAME PASSWORD CHANNEL
const [server, username, password, channel] = process.argv.slice(2);
const headers = { "Content-Type": "application/json" };
const login = await fetch(`${server}/login`, { method: "POST", headers, body: JSON.stringify({ username, password }) });
const socket = new WebSocket(`${server.replace("http", "ws")}/ws?otp=${(await login.json()).otp}`);
socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", payload: { topics: [`channel.${channel}`] } }));
socket.onmessage = ({ data }) => {
  const { type, payload } = JSON.parse(data);
  if (type === "published") console.log(JSON.stringify(payload.data));
};
