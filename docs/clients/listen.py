"""Hears channels as server-sent events. Comes back by itself; nothing is lost, nothing comes twice.

`admit` fetches {"server", "otp"}, afresh for every connection (app.py answers it). `on_gap(topics)` is told where the server
cannot give what was missed, as it keeps it no longer: read anew.
"""

import json, random, time, urllib.parse, urllib.request
from http.client import HTTPException


def listen(admit, topics, on_gap=print):
    last_id, tries = "", 0
    while True:
        try:
            admission = admit()
            query = urllib.parse.urlencode({"topic": topics, "otp": admission["otp"], "last_event_id": last_id}, doseq=True)
            with urllib.request.urlopen(f"{admission['server']}/events?{query}", timeout=60) as stream:
                fields, tries = {}, 0
                for line in stream:  # at least a comment every 25 s
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    if name:
                        fields[name] = value
                        continue
                    event, last_id, fields = json.loads(fields.get("data", "{}")), fields.get("id", last_id), {}
                    if event.get("type") == "published":
                        yield event["payload"]
                    elif any("reason" in topic for topic in event.get("payload", {}).get("topics", {}).values()):
                        on_gap(event["payload"]["topics"])
        except (OSError, HTTPException):
            pass  # and tries again
        time.sleep(random.random() * min(30, 0.5 * 2**tries))
        tries += 1
