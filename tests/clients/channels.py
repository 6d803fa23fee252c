"""The clients of docs/clients, run as they stand: an app lets its user in, every listener hears every publication of every
publisher once and in order, while the server is killed and started again in between.

usage: channels.py SWITCHBOARD DATA_DIR
"""

import itertools
import json
import os
import pathlib
import queue
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
CHANNEL = "orders.42.status"
TOPIC = "channel." + CHANNEL
BUDGET_SECS = 90
ROUNDS = 3
processes = []


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
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


def start(*command, **options):
    process = subprocess.Popen([str(part) for part in command], env=ENV, stdout=subprocess.PIPE, text=True, **options)
    processes.append(process)
    return process


def start_server():
    server = start(SWITCHBOARD, "serve", "--listen", f"127.0.0.1:{PORT}", "--data-dir", DATA, stderr=log)
    next(line for line in server.stdout if line.startswith("listening on "))
    return server


class Listener:
    """A client whose every line is kept."""

    def __init__(self, name, *command, data=lambda line: line, is_json=True):
        self.name, self.heard, self.lines = name, [], queue.Queue()
        process = start(*command)
        parse = json.loads if is_json else str.strip
        read = lambda: [self.lines.put(data(parse(line))) for line in process.stdout]
        threading.Thread(target=read, daemon=True).start()

    def hears(self, wanted):
        """Waits until it has heard so much of what counts; what was published before it was there does not."""
        deadline = time.monotonic() + BUDGET_SECS
        while len(self.heard) < len(wanted) and (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            self.heard += [line] if line != "ready?" else []
        assert self.heard == wanted, f"{self.name} heard {self.heard}, not {wanted}"


def node(*arguments):
    has = lambda name: subprocess.run(["node", "-e", f"process.exit(typeof {name} === 'undefined' ? 1 : 0)"]).returncode == 0
    flags = [flag for name, flag in (("WebSocket", "--experimental-websocket"), ("EventSource", "--experimental-eventsource")) if not has(name)]
    return ["node", "--no-warnings", *flags, *arguments]


def publisher(name, data):
    data, module = json.dumps(data), f"{CLIENTS}/publish.js"
    program = f"import({json.dumps(module)}).then(({{publish}}) => publish({json.dumps(CHANNEL)}, {data})).then(JSON.stringify).then(console.log)"
    return {
        "sh": [f"{CLIENTS}/publish.sh", CHANNEL, data],
        "js": ["node", "-e", program],
        "py": [sys.executable, "-c", f"import json, publish; print(json.dumps(publish.publish({CHANNEL!r}, json.loads({data!r}))))"],
    }[name]


def publish(name, data):
    return start(*publisher(name, data), cwd=CLIENTS)


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
        Listener("hear.js", *node("--input-type=module", "-e", (files / "hear.js").read_text(), "--", *who)),
        Listener("hear.py", sys.executable, files / "hear.py", *who),
        Listener("hear.sh", files / "hear.sh", *who, data=published_in, is_json=False),
    ]


def published_in(line):
    """The data of a line of an event stream, if it carries a publication."""
    event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
    return event["payload"]["data"] if event.get("type") == "published" else "ready?"


def wait_for(count):
    deadline = time.monotonic() + BUDGET_SECS
    while (there := ends_well(publish("sh", "ready?"), "sh")["subscribers"]) != count:
        assert time.monotonic() < deadline, f"{there} of {count} listen"
        time.sleep(0.5)


def main():
    server = start_server()
    make_key = [SWITCHBOARD, "key", "create", "shop", "--scope", f"publish:{CHANNEL}", "--scope", "otp", "--data-dir", DATA]
    ENV["SWITCHBOARD_KEY"] = subprocess.run(make_key, capture_output=True, text=True, check=True).stdout.strip()
    start(sys.executable, CLIENTS / "app.py", APP_PORT, stderr=log)
    while socket.socket().connect_ex(("localhost", APP_PORT)) != 0:
        time.sleep(0.05)
    listeners = [
        Listener("listen_socket.js", *node(ROOT / "tests/clients/listen.mjs", CLIENTS / "page/listen_socket.js", APP, TOPIC)),
        Listener("listen_socket.py", sys.executable, ROOT / "tests/clients/listen.py", CLIENTS / "listen_socket.py", APP, TOPIC),
        Listener("index.html", "node", ROOT / "tests/clients/page.mjs", APP),
    ]
    with urllib.request.urlopen(f"{ENV['SWITCHBOARD_URL']}/openapi.json") as answer:
        if "/events" in json.load(answer)["paths"]:
            listeners += [
                Listener("listen.js", *node(ROOT / "tests/clients/listen.mjs", CLIENTS / "page/listen.js", APP, TOPIC)),
                Listener("listen.py", sys.executable, ROOT / "tests/clients/listen.py", CLIENTS / "listen.py", APP, TOPIC),
                Listener("listen.sh", CLIENTS / "listen.sh", TOPIC, data=lambda event: event["payload"]["data"]),
            ]
    wait_for(len(listeners))
    count, wanted = itertools.count(), []
    for _ in range(ROUNDS):
        for name in ("sh", "js", "py"):
            wanted.append({"n": next(count), "by": name})
            ends_well(publish(name, wanted[-1]), name)
        # One that finds nobody tries again, and everybody comes back.
        server.send_signal(signal.SIGKILL)
        server.wait()
        wanted.append({"n": next(count), "by": "py", "text": "it's “quoted” \\ and 1.10"})
        patient = publish("py", wanted[-1])
        server = start_server()
        ends_well(patient, "py")
    for listener in listeners:
        listener.hears(wanted)
    short = ten_lines()
    wait_for(len(listeners) + len(short))
    ends_well(publish("sh", {"short": True}), "sh")
    for listener in short:
        listener.hears([{"short": True}])
    print(f"docs/clients: {len(listeners)} listeners heard {len(wanted)} publications of 3 publishers over {ROUNDS} kills, each once and in order")


os.environ["SSL_CERT_FILE"] = CERTIFICATE
with open(f"{DATA}.log", "w") as log:
    try:
        main()
    finally:
        for process in reversed(processes):
            process.terminate()
