"""Takes what is posted and shows it as its log; with a certificate, it answers over TLS too."""

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        """Show the body, one line each."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sys.stdout.write(body.replace("\n", " ") + "\n")
        sys.stdout.flush()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


def main(certificate: str) -> None:
    """Serve until it is killed."""
    server = HTTPServer(("", 8000), Handler)
    if Path(certificate).exists():
        secure = HTTPServer(("", 8443), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        threading.Thread(target=secure.serve_forever, daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
