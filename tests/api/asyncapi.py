"""Checks docs/asyncapi.yaml: valid AsyncAPI 3, every reference and example good, and true of a talk on a real server:
every event that is sent or received is good by its schema and has no field that is not described, and every listed one
occurs.

usage: asyncapi.py ORIGIN PASSWORD KEY        (the password of alice and bob; the key publishes, and lets Ada in)
"""

import asyncio
import json
import pathlib
import sys

import websockets
import yaml
from door import TLS, post
from jsonschema import Draft7Validator

ORIGIN, PASSWORD, KEY = sys.argv[1:4]
ROOT = pathlib.Path(__file__).parents[2]
DOCUMENT = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
STANDARD = json.loads((ROOT / f"node_modules/@asyncapi/specs/schemas/{DOCUMENT['asyncapi']}.json").read_text())
MESSAGES = DOCUMENT["components"]["messages"]


def find(reference):
    node = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def closed(node):
    """The same with every object closed: a client has to ignore fields that it does not know, but all of ours are told."""
    if isinstance(node, list):
        return [closed(child) for child in node]
    if not isinstance(node, dict):
        return node
    if len(parts := node.get("allOf", [])) > 1:  # one object in parts: only together they are all of it
        parts = [find(part["$ref"]) if "$ref" in part else part for part in parts]
        whole = {key: value for part in parts for key, value in part["properties"].items()}
        return closed({"type": "object", "required": sum((part["required"] for part in parts), []), "properties": whole})
    more = {"additionalProperties": False} if node.get("type") == "object" else {}
    return more | {key: closed(child) for key, child in node.items()}


COMPONENTS = closed(DOCUMENT["components"])

ANVIL = {"manufacturer": "Acme", "pricePerUnit": 12.50, "unitsAvailable": 3, "productName": "Anvil"}
# Who asks what, in this order; `None` is no request but a text that is not JSON, and a path is asked over HTTP, with POST
# if no method stands before it: by the shop with the key, by others with their session. A new request joins here.
TALK = [
    ("alice", "list_rooms", {}),
    ("alice", "create_room", {"room": "garden", "title": "The garden"}),
    ("bob", "join_room", {"room": "garden"}),
    ("bob", "send_message", {"room": "garden", "message": "hello", "client_id": "b-1"}),
    ("bob", "send_message", {"room": "garden", "message": "another", "client_id": "b-1"}),
    ("alice", "get_history", {"room": "garden", "limit": 10}),
    ("alice", "join_room", {"room": "nowhere"}),
    ("bob", "leave_room", {"room": "garden"}),
    ("bob", "list_rooms", {}),
    ("alice", None, None),
    ("shop", "/publish", {"channel": "orders.42.status", "data": "packed"}),
    ("shop", "/publish", {"batch": [{"channel": "bunno", "data": data} for data in ({"message": {}}, None, [1, "2"])]}),
    ("alice", "subscribe", {"topics": ["channel.bunno", "channel.a..b"]}),
    ("alice", "subscribe", {"topics": {"channel.bunno": 0}}),
    ("bob", "subscribe", {"topics": {"channel.bunno": 1, "channel.new": None, "channel.orders.42.status": 9}}),
    ("bob", "subscribe", {"topics": {"channel.other": 3}, "epoch": "of another store"}),
    ("bob", "subscribe", {"topics": ["products.42", "products.*", "orders.1"], "snapshot": True}),
    ("shop", "/products", ANVIL),
    ("bob", "get_publications", {"topic": "channel.bunno", "before": 3, "limit": 1}),
    ("ada", "subscribe", {"topics": {"channel.orders.42.status": 0, "channel.bunno": None}}),
    ("ada", "list_rooms", {}),
    ("bob", "subscribe", {"topics": ["channel.talk.tea"]}),
    ("bob", "/publish", {"channel": "talk.tea", "data": "ready"}),
    ("bob", "get_publications", {"topic": "channel.talk.tea"}),
    ("bob", "unsubscribe", {"topics": ["channel.other", "channel.a..b"]}),
    ("alice", "/documents", {"room": "general", "name": "plan", "text": "# The plan"}),
    ("shop", "PATCH /documents/plan", {"title": "Our plan"}),
    ("bob", "/documents/plan/versions", {"name": "The first"}),
    ("shop", "/documents/plan/versions", {"name": "The second"}),
    ("bob", "DELETE /documents/plan/versions/1", {}),
    ("shop", "DELETE /documents/plan", {}),
    ("shop", "/publish", {"channels": ["bunno", "orders.42.status"], "data": "sent"}),
]
# Ada has no account here: the shop's back end lets her in. She knows of another topic, but may not hear it.
ADA = {"user": {"id": "42", "name": "Ada"}, "topics": ["channel.orders.42.status"]}
NOT_FOR_ADA = "channel.bunno"
REASONS = {"ahead", "other_epoch"}  # of the four; for the others a log would have to be long or old

faults = []
seen = set()
reasons = set()


def check(frame, message):
    """Whether a frame is what `components.messages` says."""
    seen.add(message)
    if message not in MESSAGES:
        return faults.append(f"{message} is not listed: {frame}")
    # Beside the document, so that references within it are found; draft 7 looks at nothing beside a `$ref`.
    schema = {"components": COMPONENTS, "allOf": [{"$ref": f"#/components/messages/{message}/payload"}]}
    for error in Draft7Validator(schema).iter_errors(frame):
        faults.append(f"{message}: {'.'.join(map(str, error.path))}: {error.message}")


def references(node):
    if isinstance(node, dict):
        yield from (node["$ref"] for _ in [0] if isinstance(node.get("$ref"), str))
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from references(child)


def check_document():
    for error in Draft7Validator(STANDARD).iter_errors(DOCUMENT):
        faults.append(f"{'.'.join(map(str, error.path))}: {error.message[:300]}")
    faults.extend(f"{reference} leads nowhere" for reference in references(DOCUMENT) if find(reference) is None)
    used = set(references(DOCUMENT["operations"]))
    for name, message in MESSAGES.items():
        if name not in DOCUMENT["channels"]["socket"]["messages"]:
            faults.append(f"{name} is in no channel")
        if f"#/channels/socket/messages/{name}" not in used:
            faults.append(f"{name} is in no operation")
        if find(f"#/components/messages/{name}").get("name") not in (name, "ok"):
            faults.append(f"{name} has another name on the wire")
        for example in message.get("examples") or faults.append(f"{name} has no example") or []:
            check(example["payload"], name)
    seen.clear()


class Client:
    """A socket whose every frame is checked."""

    def __init__(self, socket, session):
        self.socket, self.session, self.asked = socket, session, {}

    @classmethod
    async def sign_in(cls, name, resume=None):
        body = {"username": name, "password": PASSWORD}
        return await cls.open(post(ORIGIN, "/login", body | ({"resume": resume} if resume else {})))

    @classmethod
    async def let_in(cls, resume=None):
        return await cls.open(post(ORIGIN, "/otp", ADA | ({"resume": resume} if resume else {}), key=KEY))

    @classmethod
    async def open(cls, answer):
        admitted, session = answer
        url = ORIGIN.replace("http", "ws", 1) + "/ws?otp=" + admitted["otp"]
        return cls(await websockets.connect(url, ssl=TLS), session)

    async def hears(self, is_it):
        while True:
            frame = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
            asked = self.asked.get(frame.get("id"))
            check(frame, f"{asked}_ok" if frame["type"] == "ok" else frame["type"])
            topics = frame["payload"].get("topics")
            reasons.update(topic.get("reason") for topic in topics.values()) if isinstance(topics, dict) else None
            if is_it(frame):
                return frame

    async def asks(self, event_type, payload):
        if event_type is None:
            await self.socket.send("{")
            return await self.hears(lambda frame: frame["type"] == "error")
        id = f"r{len(self.asked)}"
        self.asked[id] = event_type
        request = {"type": event_type, "id": id, "payload": payload}
        check(request, event_type)
        await self.socket.send(json.dumps(request))
        return await self.hears(lambda frame: frame.get("id") == id)


async def talk():
    clients = {name: await Client.sign_in(name) for name in ("alice", "bob")} | {"ada": await Client.let_in()}
    greetings = {name: await client.hears(lambda frame: frame["type"] == "hello") for name, client in clients.items()}
    for name, event_type, payload in TALK:
        if event_type and "/" in event_type:
            method, _, path = event_type.rpartition(" ")
            who = {"key": KEY} if name == "shop" else {"session": clients[name].session}
            post(ORIGIN, path, payload, method=method or "POST", **who)
        else:
            await clients[name].asks(event_type, payload)
    # What was published last is the last thing they hear.
    for name, topic in (("alice", "channel.bunno"), ("bob", "channel.bunno"), ("ada", "channel.orders.42.status")):
        await clients[name].hears(lambda frame: frame.get("topic") == topic and frame["payload"]["data"] == "sent")
    # Who comes back to all topics from their beginnings is sent what has been announced.
    for name in ("alice", "bob"):
        hello = greetings[name]["payload"]
        topics = [*hello["topics"], "room.garden"]
        resume = {"epoch": hello["epoch"], "positions": dict.fromkeys(topics, 0)}
        await (await Client.sign_in(name, resume)).hears(lambda frame: frame["type"] == "caught_up")
    resume = {"epoch": hello["epoch"], "positions": dict.fromkeys([*ADA["topics"], NOT_FOR_ADA], 0)}
    ada = await Client.let_in(resume)
    hello = (await ada.hears(lambda frame: frame["type"] == "hello"))["payload"]
    if set(hello["topics"]) != set(ADA["topics"]) or set(hello.get("refused", {})) != {NOT_FOR_ADA}:
        faults.append(f"Ada is greeted with {hello}")
    await ada.hears(lambda frame: frame["type"] == "caught_up")


check_document()
asyncio.run(talk())
faults.extend(f"nobody was told `{reason}`" for reason in sorted(REASONS - reasons))
faults.extend(f"{name} is listed and did not occur" for name in sorted(MESSAGES.keys() - seen))
print("\n".join(faults) or f"AsyncAPI: {len(MESSAGES)} events are described, and each was met")
sys.exit(bool(faults))
