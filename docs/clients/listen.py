"""Hears channels as server-sent events. Comes back by itself; nothing is lost, nothing comes twice.

`admit` fetches {"server", "otp"}, afresh for every connection (app.py answers it). `on_gap(topics)` is told what the server
cannot give: publications it keeps no longer (`reason`: read anew), a channel that is not for you (`code`). Raises when none
of them is.
"""

import json, random, time, urllib.parse, urllib.request
from http.client import HTTPException
from urllib.error import HTTPError


def listen(admit, topics, on_gap=print):
    last_id, tries, spread = "", 0, 0
    while True:
        try:
            admission = admit()
            query = urllib.parse.urlencode({"topic": topics, "otp": admission["otp"], "last_event_id": last_id}, doseq=True)
            with urllib.request.urlopen(f"{admission['server']}/events?{query}", timeout=60) as stream:
                fields, tries = {}, 0
                for line in stream:  # at least a comment every 25 s
                    name, colon, value = line.decode().rstrip("\n").partition(": ")
                    if colon:
                        fields[name] = value
                        continue
                    spread = int(fields.get("retry", spread))  # ms: a server that restarts spreads its clients
                    event, last_id, fields = json.loads(fields.get("data", "{}")), fields.get("id", last_id), {}
                    payload = event.get("payload", {})
                    if event.get("type") == "published":
                        yield payload
                    if "refused" in payload:
                        on_gap(payload["refused"])
                    if any("reason" in topic for topic in payload.get("topics", {}).values()):
                        on_gap(payload["topics"])
        except HTTPError as answer:
            if answer.code in (400, 403, 404):
                raise RuntimeError(answer.read().decode()) from None
        except (OSError, HTTPException):
            pass  # and tries again
        time.sleep(max(spread / 1000, random.random() * min(30, 0.5 * 2**tries)))
        tries += 1
