"""A web that answers what it is told to, and counts the spans that it was sent. Runs in a container."""

import collections
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SPAN = re.compile(rb"span-\d{6}")
answer = {"status": 200}
taken: collections.Counter[str] = collections.Counter()
asked: collections.Counter[str] = collections.Counter()


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.reply(200, json.dumps(taken if self.path == "/taken" else asked).encode())

    def do_PUT(self) -> None:
        answer["status"] = int(self.path.strip("/"))
        self.reply(200, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked[self.headers["Authorization"] + " " + self.headers["x-langfuse-ingestion-version"]] += 1
        if answer["status"] == 200:
            taken.update(name.decode() for name in SPAN.findall(body))
        self.reply(answer["status"], b"{}")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


ThreadingHTTPServer(("", 3000), Web).serve_forever()
