"""Hears channels over a WebSocket (`pip install websockets`). Comes back by itself; nothing is lost, nothing comes twice.

`admit` fetches {"server", "otp"}, afresh for every connection (app.py answers it). `on_gap(topic, why)` is told what the
server cannot give: publications it keeps no longer (read anew), a channel that is not for you. Ends when what let you in
has ended (4001).
"""

import json, random, time
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect


def listen(admit, topics, on_gap=print):
    seen, epoch, tries = dict.fromkeys(topics), None, 0
    while True:
        spread = 0
        try:
            admission = admit()
            with connect(admission["server"].replace("http", "ws", 1) + "/ws?otp=" + admission["otp"]) as socket:
                for event in map(json.loads, socket):
                    if event["type"] == "hello":
                        greeting, wanted = event["payload"], {"topics": seen, "epoch": epoch}
                        socket.send(json.dumps({"type": "subscribe", "id": 1, "payload": wanted}))
                    elif event["type"] == "ok":
                        epoch, tries = greeting["epoch"], 0
                        for topic, why in event["payload"].get("refused", {}).items():
                            on_gap(topic, why["code"])
                        for topic, at in event["payload"]["topics"].items():
                            if "reason" in at:
                                on_gap(topic, at["reason"])
                            if not at["recovered"]:
                                seen[topic] = at["offset"]
                    elif event["type"] == "published":
                        seen[event["topic"]] = event["offset"]
                        yield event["payload"]
                    elif event["type"] == "error":
                        break
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code == 4001:
                return
            if closed.rcvd and "jitter_ms=" in closed.rcvd.reason:  # a server that restarts spreads its clients
                spread = int(closed.rcvd.reason.split("jitter_ms=")[1]) / 1000
        except (OSError, WebSocketException):
            pass  # and tries again
        time.sleep(random.random() * max(spread, min(30, 0.5 * 2**tries)))
        tries += 1
