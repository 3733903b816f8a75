"""Serve ``lambda_handler.py`` over HTTP, as a function URL of AWS Lambda does.

Requests become events of payload format 2.0: header names in lower case, several values of one
joined by commas, and the body in base64 if its type says nothing of text. A program, which nobody
imports.
"""

import base64
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lambda_handler import handler


class FunctionUrl(BaseHTTPRequestHandler):
    """One request, one call of the handler."""

    def do_POST(self) -> None:  # as the server calls it
        """Call the handler, and answer with what it returns."""
        answer = handler(self._event(), None)
        self.send_response(answer["statusCode"])
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.get("body", "").encode())

    def _event(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        as_text = headers.get("content-type", "").startswith(("application/json", "text/"))
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {"http": {"method": self.command, "path": self.path}},
            "body": raw.decode() if as_text else base64.b64encode(raw).decode(),
            "isBase64Encoded": not as_text,
        }


class Server(ThreadingHTTPServer):
    """A server with room for all who come at once."""

    request_queue_size = 128


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
Server(("127.0.0.1", int(os.environ["PORT"])), FunctionUrl).serve_forever()
