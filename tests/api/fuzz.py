"""Asks everything that /openapi.json describes, rightly and wrongly: no answer may be a failure of the server's, of a
status, a content type or a shape that is not described. As a stranger, as a back end with a key of every scope, and as
the server's owner.

usage: fuzz.py ORIGIN USER PASSWORD KEY
"""

import subprocess
import sys
import tempfile

from door import post

ORIGIN, USER, PASSWORD, KEY = sys.argv[1:5]
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
RUN = [
    *("schemathesis", "run", ORIGIN + "/openapi.json", "--tls-verify=false", "--no-color"),
    # The same requests every time.
    *("--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--generation-deterministic"),
    *("--checks", CHECKS, "--warnings", "off", "--header", f"Origin: {ORIGIN}"),
]


def run(who, *options):
    # In a folder of its own: it keeps what it has found.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*RUN, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{who}:\n{done.stdout}")
    [cases] = [line.strip() for line in done.stdout.splitlines() if " generated, " in line]
    print(f"OpenAPI, asked by {who}: {cases}")


_, session = post(ORIGIN, "/login", {"username": USER, "password": PASSWORD})
run("a stranger")
back_end = ("--header", f"Authorization: Bearer {KEY}")
run("a back end", *back_end, "--exclude-operation-id", "revoke_key")
# Whoever signs out is a stranger from then on, and a stream does not end.
run("the owner", "--header", f"Cookie: {session}", "--exclude-path", "/logout", "--exclude-path", "/events")
# Last, since it may revoke its own.
run("a back end that revokes keys", *back_end, "--include-operation-id", "revoke_key")
