"""A client written from docs/protocol.md alone: signs in, talks, drops the connection, comes back, misses nothing.

usage: talk.py ORIGIN USER PASSWORD        (ORIGIN e.g. https://127.0.0.1:8080)
"""

import asyncio
import json
import ssl
import sys
import urllib.request

import websockets

ORIGIN, USER, PASSWORD = sys.argv[1:4]
TLS = None
if ORIGIN.startswith("https"):
    TLS = ssl.create_default_context()
    TLS.check_hostname = False  # the test's certificate is self-signed
    TLS.verify_mode = ssl.CERT_NONE


def post(path, body, cookie=None):
    request = urllib.request.Request(ORIGIN + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    if cookie:
        request.add_header("Cookie", cookie)
        request.add_header("Origin", ORIGIN)
    with urllib.request.urlopen(request, context=TLS) as answer:
        cookies = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
        session = next((one for one in cookies if one.startswith("__Host-session=")), cookie)
        return json.load(answer), session


def connect(otp):
    return websockets.connect(ORIGIN.replace("http", "ws", 1) + "/ws?otp=" + otp, ssl=TLS)


async def events_until(socket, event_type):
    events = []
    while not events or events[-1]["type"] != event_type:
        events.append(json.loads(await asyncio.wait_for(socket.recv(), 20)))
    return events


async def main():
    answer, session = post("/login", {"username": USER, "password": PASSWORD})
    async with connect(answer["otp"]) as socket:
        hello = (await events_until(socket, "caught_up"))[0]
        assert hello["type"] == "hello" and hello["payload"]["user"]["name"] == USER.lower(), hello
        await socket.send(json.dumps({"type": "send_message", "id": 1, "payload": {
            "room": "general", "message": "hello from Python", "client_id": "py-1"}}))
        heard = await events_until(socket, "ok")
        message = next(event for event in heard if event["type"] == "new_message")
        assert message["payload"]["message"] == "hello from Python", message
        seen = message["offset"]

    # Somebody talks while we are away: ourselves, on a second connection.
    answer, session = post("/otp", {}, session)
    async with connect(answer["otp"]) as other:
        await events_until(other, "caught_up")
        await other.send(json.dumps({"type": "send_message", "id": 2, "payload": {
            "room": "general", "message": "missed"}}))
        await events_until(other, "ok")

    resume = {"epoch": hello["payload"]["epoch"], "positions": {"room.general": seen}}
    answer, session = post("/otp", {"resume": resume}, session)
    async with connect(answer["otp"]) as socket:
        events = await events_until(socket, "caught_up")
        assert events[0]["payload"]["topics"]["room.general"]["recovered"] is True, events[0]
        missed = [event["payload"]["message"] for event in events if event["type"] == "new_message"]
        assert missed == ["missed"], missed
        await socket.send(json.dumps({"type": "nonsense", "id": 3, "payload": {}}))
        error = (await events_until(socket, "error"))[-1]
        assert error["id"] == 3 and error["payload"]["code"] == "unknown_event", error
    print("the Python client talked")


asyncio.run(main())
