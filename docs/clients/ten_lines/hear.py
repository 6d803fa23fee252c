# Signs in and prints what is published to a channel. usage: python3 hear.py SERVER NAME PASSWORD CHANNEL
import json, sys, urllib.request

server, name, password, channel = sys.argv[1:]
body = json.dumps({"username": name, "password": password}).encode()
login = urllib.request.Request(server + "/login", body, {"Content-Type": "application/json"})
otp = json.load(urllib.request.urlopen(login))["otp"]
for line in urllib.request.urlopen(f"{server}/events?topic=channel.{channel}&otp={otp}"):
    if line.startswith(b'data: {"type":"published"'):
        print(json.dumps(json.loads(line[6:])["payload"]["data"]), flush=True)
