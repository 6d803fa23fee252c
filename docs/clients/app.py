"""The back end of an app whose pages listen to Switchboard, or write documents in it. Whoever is signed in to the app gets a
one-time password that opens their own channels and documents and nothing else; the key (scope `otp`, and for documents
`documents:app.*`) stays here. Switchboard's settings name this app's origin: http.allowed_origins = ["http://localhost:8000"].

usage: SWITCHBOARD_URL=https://HOST SWITCHBOARD_KEY=sbk_… python3 app.py [PORT [page|document_page]]
"""

import http.server, json, os, sys, urllib.request

KEY, SERVER = os.environ["SWITCHBOARD_KEY"], os.environ["SWITCHBOARD_URL"]
PORT, PAGE = (sys.argv[1:] + ["8000", "page"][len(sys.argv) - 1 :])[:2]


class App(http.server.SimpleHTTPRequestHandler):
    def do_POST(self):
        user = {"id": "42", "name": "Ada"}  # here: whoever your app's own session says it is, or 401
        topics = [f"channel.orders.{user['id']}.{what}" for what in ("status", "messages")]
        theirs = {"page": {"topics": topics}, "document_page": {"documents": {"app.notes": "write"}}}[PAGE]
        body = json.dumps({"user": user} | theirs).encode()
        headers = {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(SERVER + "/otp", body, headers), timeout=10) as answer:
            admission = json.dumps({"server": SERVER, "otp": json.load(answer)["otp"]})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(admission.encode())


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), PAGE))  # what browsers may have
http.server.ThreadingHTTPServer(("localhost", int(PORT)), App).serve_forever()
