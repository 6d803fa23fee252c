"""Prints what one of the documents' listeners hears, a line each. usage: listen.py FILE APP TOPIC…"""

import importlib.util
import json
import sys
import urllib.request

FILE, APP, *TOPICS = sys.argv[1:]
spec = importlib.util.spec_from_file_location("listener", FILE)
listener = importlib.util.module_from_spec(spec)
spec.loader.exec_module(listener)


def admit():
    with urllib.request.urlopen(urllib.request.Request(APP + "/otp", b""), timeout=10) as answer:
        return json.load(answer)


for publication in listener.listen(admit, TOPICS, lambda *gap: print(json.dumps({"gap": gap}), flush=True)):
    print(json.dumps(publication["data"]), flush=True)
