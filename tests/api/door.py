"""What the checks of this directory share: JSON over HTTP with the test's self-signed certificate."""

import json
import ssl
import urllib.request

TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def get(origin, path):
    with urllib.request.urlopen(origin + path, context=TLS) as answer:
        return json.load(answer)


def post(origin, path, body, session=None, key=None, method="POST"):
    """Answers the body, if there is one, and the session's cookie, the one given or a new one."""
    request = urllib.request.Request(origin + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method)
    if session:
        request.add_header("Cookie", session)
        request.add_header("Origin", origin)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, context=TLS) as answer:
        cookies = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie") or []]
        session = next((one for one in cookies if one.startswith("__Host-session=")), session)
        text = answer.read()
        return json.loads(text) if text else None, session
