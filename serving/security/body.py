"""Body: the whole request body, or a refusal, before any other code sees it.

The bytes are counted as they come, whatever Content-Length says. A body over the limit is
read to its end and thrown away, so that the client gets to hear its 413 (a server that
hangs up in mid-body is seen as a broken connection); one that claims to be far over the
limit is answered at once.

Errors: TooLarge (413), SlowBody (408), WrongType (415), NotUnderstood (400, empty).
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from serving.errors import NotUnderstood, SlowBody, TooLarge, WrongType

DRAINED = 16  # a body up to this many times the limit is read and thrown away


def check_type(headers: Headers) -> None:
    """Refuse anything but plain JSON in UTF-8."""
    media, _, parameters = headers.get("content-type", "").lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if media.strip() != "application/json" or charset not in ("", "utf-8"):
        raise WrongType("The body should be application/json in UTF-8.")
    if headers.get("content-encoding", "identity") != "identity":
        raise WrongType("The body should not be compressed.")


async def read_body(receive: Receive, headers: Headers, *, limit_bytes: int, timeout_seconds: float) -> bytes:
    """The body, at most `limit_bytes` long."""
    check_type(headers)
    too_large = TooLarge(f"The body is larger than {limit_bytes:,} bytes.")
    if int(headers.get("content-length", 0)) > DRAINED * limit_bytes:
        raise too_large
    body, size_bytes = bytearray(), 0
    async for chunk in _chunks(receive, timeout_seconds):
        size_bytes += len(chunk)
        if size_bytes > DRAINED * limit_bytes:
            raise too_large
        if size_bytes <= limit_bytes:
            body += chunk
    if size_bytes > limit_bytes:
        raise too_large
    if not body.strip():
        raise NotUnderstood("The body is empty.")
    return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body once, then whatever the connection says."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


async def _chunks(receive: Receive, timeout_seconds: float) -> AsyncIterator[bytes]:
    until = asyncio.get_running_loop().time() + timeout_seconds
    more = True
    while more:
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise SlowBody(f"The body did not arrive within {timeout_seconds:g} seconds.") from None
        if message["type"] == "http.disconnect":
            raise NotUnderstood("The connection closed before the body was complete.")
        yield message.get("body", b"")
        more = message.get("more_body", False)
