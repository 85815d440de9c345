"""Reply: what the application answers, held back until it is whole.

Holding it back lets the guard keep three promises: a call that ran out of time has sent
nothing yet, an error leaves in our own words, and every answer carries the same headers.
"""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message

from serving.errors import MEDIA_TYPE, from_upstream

KEPT = ("content-type", "location", "retry-after", "allow", "qudao-model", "qudao-data", "qudao-series")
SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Reply:
    """Collects one ASGI response."""

    def __init__(self) -> None:
        self.status = 500
        self.headers = Headers()
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        """The `send` that the application is given."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], Headers(raw=list(message.get("headers", [])))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def response(self) -> Response:
        """The answer to send on; an error that is not ours is worded anew."""
        if self.status >= 400 and self.headers.get("content-type") != MEDIA_TYPE:
            return from_upstream(self.status).response()
        kept = {name: self.headers[name] for name in KEPT if name in self.headers}
        return Response(bytes(self.body), status_code=self.status, headers=kept)
