"""The clients of docs/clients, run as they stand: an app lets its user in, every listener hears every publication of every
publisher once and in order on two channels, while the server is killed and started again in between. What a kill seldom
hits, a server of the test's own does: it cuts a stream between an event's data and its id.

usage: channels.py SWITCHBOARD DATA_DIR
"""

import http.server
import itertools
import json
import os
import pathlib
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

SWITCHBOARD, DATA = sys.argv[1:3]
ROOT = pathlib.Path(__file__).parents[2]
CLIENTS = ROOT / "docs/clients"
CHANNELS = ["orders.42.status", "orders.42.messages"]
CHANNEL = CHANNELS[0]
TOPICS = ["channel." + channel for channel in CHANNELS]
FOREIGN = "channel.orders.43.status"
BUDGET_SECS = 90
ROUNDS = 3
PADDING = "x" * 60_000  # a publication may have 64 KiB of data
END = "end"
processes = []


def free_port():
    """A port that no outgoing connection takes meanwhile: the server has to come back to it."""
    least = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                free.bind(("127.0.0.1", random.randrange(min(10_000, least // 2), least)))
            except OSError:
                continue
            return free.getsockname()[1]


PORT, APP_PORT = free_port(), free_port()
APP = f"http://localhost:{APP_PORT}"
CERTIFICATE = f"{DATA}/server.crt"
ENV = os.environ | {
    "SWITCHBOARD_URL": f"https://localhost:{PORT}",
    "APP_URL": APP,
    # That the clients trust the server's own certificate is said outside of them.
    **dict.fromkeys(["SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"], CERTIFICATE),
    "SWITCHBOARD__HTTP__ALLOWED_ORIGINS": APP,
    "PYTHONDONTWRITEBYTECODE": "1",
}


def start(*command, env=None, **options):
    process = subprocess.Popen([str(part) for part in command], env=env or ENV, stdout=subprocess.PIPE, text=True, **options)
    processes.append(process)
    return process


def start_server():
    server = start(SWITCHBOARD, "serve", "--listen", f"127.0.0.1:{PORT}", "--data-dir", DATA, stderr=log)
    next(line for line in server.stdout if line.startswith("listening on "))
    return server


class Listener:
    """A client whose every line is kept."""

    def __init__(self, name, *command, data=lambda line: line, is_json=True, env=None):
        self.name, self.heard, self.lines = name, [], queue.Queue()
        self.process = start(*command, env=ENV | (env or {}))
        parse = json.loads if is_json else str.strip
        read = lambda: [self.lines.put(data(parse(line))) for line in self.process.stdout]
        threading.Thread(target=read, daemon=True).start()

    def hears(self, wanted):
        """Waits for the last of them, which nothing else is like; what was published before it was there does not count.
        Channels have an order each, and none among them."""
        deadline = time.monotonic() + BUDGET_SECS
        lasts = [listed[-1] for listed in by_channel(wanted).values()]
        while not all(last in self.heard for last in lasts) and (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            self.heard += [line] if line != "ready?" else []
        heard, wanted = by_channel(self.heard), by_channel(wanted)
        assert heard == wanted, f"{self.name} heard {short(heard)}, not {short(wanted)}"


def by_channel(publications):
    """Of each channel what it carried, in order. A publication's data names its channel here."""
    listed = {}
    for publication in publications:
        listed.setdefault(publication.get("channel"), []).append(publication)
    return listed


def short(value):
    return json.dumps(value, ensure_ascii=False).replace(PADDING, "…")


class Cutter(http.server.BaseHTTPRequestHandler):
    """Both the app and a server that cuts its first stream between an event's data and its id. In the second the event
    comes whole, and then another."""

    PUBLISHED = [{"channel": CHANNEL, "n": 1}, {"channel": CHANNEL, "n": 2}]

    def log_message(self, *_):
        pass

    def do_POST(self):
        # Other order and more white space than app.py's.
        self.answer("application/json", '{ "otp" : "o-1",\n "server" : "http://localhost:%d" }' % self.server.server_port)

    def do_GET(self):
        hello = {"type": "hello", "payload": {"topics": {TOPICS[0]: {"offset": 0, "recovered": True}}}}
        first, second = ({"type": "published", "payload": {"channel": CHANNEL, "data": data}} for data in Cutter.PUBLISHED)
        lines = ["retry: 10", "", data(hello), "id: 0", "", ": the server is still here", "", data(first)]
        if "last_event_id=0" in self.path:
            lines += ["id: 1", "", data(second), "id: 2", ""]
        elif "last_event_id=2" in self.path:
            lines = ["retry: 1000", ""]
        self.answer("text/event-stream", "\n".join(lines) + "\n")

    def answer(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())


def data(event):
    return "data: " + json.dumps(event, separators=(",", ":"))


def node(*arguments):
    has = lambda name: subprocess.run(["node", "-e", f"process.exit(typeof {name} === 'undefined' ? 1 : 0)"]).returncode == 0
    flags = [flag for name, flag in (("WebSocket", "--experimental-websocket"), ("EventSource", "--experimental-eventsource")) if not has(name)]
    return ["node", "--no-warnings", *flags, *arguments]


def publisher(name, data, channel):
    data, module = json.dumps(data), f"{CLIENTS}/publish.js"
    program = f"import({json.dumps(module)}).then(({{publish}}) => publish({json.dumps(channel)}, {data})).then(JSON.stringify).then(console.log)"
    return {
        "sh": [f"{CLIENTS}/publish.sh", channel, data],
        "js": ["node", "-e", program],
        "py": [sys.executable, "-c", f"import json, publish; print(json.dumps(publish.publish({channel!r}, json.loads({data!r}))))"],
    }[name]


def publish(name, data, channel=CHANNEL):
    return start(*publisher(name, data, channel), cwd=CLIENTS)


def ends_well(process, name):
    output, _ = process.communicate(timeout=BUDGET_SECS)
    assert process.returncode == 0, f"publish.{name} ended with {process.returncode}: {output}"
    return json.loads(output)


def ten_lines():
    """The shortest listeners, of a member."""
    account = [SWITCHBOARD, "account", "add", "reader", "--data-dir", DATA, "--password-stdin"]
    password = "correct horse battery staple"
    subprocess.run(account, input=password + "\n", capture_output=True, text=True, check=True)
    who = [ENV["SWITCHBOARD_URL"], "reader", password, CHANNEL]
    files = CLIENTS / "ten_lines"
    return [
        Listener("hear.js", *node(files / "hear.js", *who)),
        Listener("hear.py", sys.executable, files / "hear.py", *who),
        Listener("hear.sh", files / "hear.sh", *who, data=published_in, is_json=False),
    ]


def published_in(line):
    """The data of a line of an event stream, if it carries a publication."""
    event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
    return event["payload"]["data"] if event.get("type") == "published" else "ready?"


def listens(file, app, topics):
    """The command of a listener that is a module."""
    if file.endswith(".js"):
        return node(ROOT / "tests/clients/listen.mjs", CLIENTS / file, app, *topics)
    return [sys.executable, ROOT / "tests/clients/listen.py", CLIENTS / file, app, *topics]


def event_listeners(app, topics):
    env = {"APP_URL": app}
    return [
        Listener("listen.js", *listens("page/listen.js", app, topics)),
        Listener("listen.py", *listens("listen.py", app, topics)),
        Listener("listen.sh", CLIENTS / "listen.sh", *topics, data=lambda event: event["payload"]["data"], env=env),
    ]


def nothing_cut_is_doubled():
    cutter = http.server.ThreadingHTTPServer(("localhost", 0), Cutter)
    threading.Thread(target=cutter.serve_forever, daemon=True).start()
    listeners = event_listeners(f"http://localhost:{cutter.server_port}", TOPICS[:1])
    for listener in listeners:
        listener.hears(Cutter.PUBLISHED)
        listener.process.terminate()
    cutter.shutdown()


def those_refused_say_so():
    """A topic that is not for one is named while the others go on; when none is, a listener ends and says why."""
    for file in ("page/listen.js", "page/listen_socket.js", "listen.py", "listen_socket.py"):
        partly = start(*listens(file, APP, [TOPICS[0], FOREIGN]))
        told = partly.stdout.readline()
        assert "gap" in told and FOREIGN in told and "forbidden" in told, f"{file}: {told}"
        partly.terminate()
    partly = start(CLIENTS / "listen.sh", TOPICS[0], FOREIGN, stderr=subprocess.PIPE)
    told = partly.stderr.readline()
    assert FOREIGN in told and "forbidden" in told, f"listen.sh: {told}"
    partly.terminate()
    for command in (listens("page/listen.js", APP, [FOREIGN]), listens("listen.py", APP, [FOREIGN]), [CLIENTS / "listen.sh", FOREIGN]):
        output, errors = (ended := start(*command, stderr=subprocess.PIPE)).communicate(timeout=BUDGET_SECS)
        assert "forbidden" in output + errors, f"{command} ended with {ended.returncode}: {output} {errors}"


def wait_for(count):
    deadline = time.monotonic() + BUDGET_SECS
    while (there := ends_well(publish("sh", "ready?"), "sh")["subscribers"]) != count:
        assert time.monotonic() < deadline, f"{there} of {count} listen"
        time.sleep(0.5)


def main():
    server = start_server()
    make_key = [SWITCHBOARD, "key", "create", "shop", "--scope", "publish:orders.42.*", "--scope", "otp", "--data-dir", DATA]
    ENV["SWITCHBOARD_KEY"] = subprocess.run(make_key, capture_output=True, text=True, check=True).stdout.strip()
    start(sys.executable, CLIENTS / "app.py", APP_PORT, stderr=log)
    while socket.socket().connect_ex(("localhost", APP_PORT)) != 0:
        time.sleep(0.05)
    listeners = [
        Listener("listen_socket.js", *listens("page/listen_socket.js", APP, TOPICS)),
        Listener("listen_socket.py", *listens("listen_socket.py", APP, TOPICS)),
        Listener("index.html", "node", ROOT / "tests/clients/page.mjs", APP),
        *event_listeners(APP, TOPICS),
    ]
    wait_for(len(listeners))
    count, wanted = itertools.count(), []
    for _ in range(ROUNDS):
        for name, channel in itertools.product(("sh", "js", "py"), CHANNELS):
            wanted.append({"n": next(count), "by": name, "channel": channel, "padding": PADDING})
            ends_well(publish(name, wanted[-1], channel), name)
        # One that finds nobody tries again, and everybody comes back.
        server.send_signal(signal.SIGKILL)
        server.wait()
        wanted.append({"n": next(count), "by": "py", "channel": CHANNEL, "text": "it's “quoted” \\ and 1.10"})
        patient = publish("py", wanted[-1])
        server = start_server()
        ends_well(patient, "py")
    # What comes twice would come before these.
    for channel in CHANNELS:
        wanted.append({"n": END, "channel": channel})
        ends_well(publish("sh", wanted[-1], channel), "sh")
    for listener in listeners:
        listener.hears(wanted)
    those_refused_say_so()
    nothing_cut_is_doubled()
    tellers = ten_lines()
    wait_for(len(listeners) + len(tellers))
    ends_well(publish("sh", {"short": True}), "sh")
    for listener in tellers:
        listener.hears([{"short": True}])
    print(f"docs/clients: {len(listeners)} listeners heard {len(wanted)} publications of 3 publishers over {ROUNDS} kills, each once and in order")


os.environ["SSL_CERT_FILE"] = CERTIFICATE
with open(f"{DATA}.log", "w") as log:
    try:
        main()
    finally:
        for process in reversed(processes):
            process.terminate()
