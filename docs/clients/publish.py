"""Publishes data to a channel. Tries again for about a minute, and is published once however often that was: every try has
the same Idempotency-Key. With one of your own ("order-42-paid") a program that starts over repeats safely too.
"""

import json, os, random, time, urllib.request, uuid
from http.client import HTTPException


def publish(channel, data, once=None, tries=0):
    once, body = once or str(uuid.uuid4()), json.dumps({"channel": channel, "data": data}).encode()
    headers = {"Authorization": "Bearer " + os.environ["SWITCHBOARD_KEY"], "Idempotency-Key": once}
    url, headers["Content-Type"] = os.environ["SWITCHBOARD_URL"] + "/publish", "application/json"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return json.load(answer)
    except (OSError, HTTPException) as error:
        if tries > 7 or getattr(error, "code", 503) not in (408, 429, 500, 502, 503, 504):
            raise
    time.sleep(random.random() * 0.5 * 2**tries)
    return publish(channel, data, once, tries + 1)
