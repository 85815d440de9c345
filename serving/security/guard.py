"""Guard: the only door. Everything outside has to pass it, everything inside may trust it.

In this order: is there such a path (404) and method (405), whose key is it (401), may that
role do this, a dealer only of itself (403), has it calls left (429), is a place free (503), is
the body JSON (415) and not too large (413), does the answer come in time (504). Then the
answer, or the problem, leaves with a request id and the headers that keep a browser out of trouble, and
the call is noted in the audit.

It stands before all of BentoML's routes: its own pages, mounted apps and web sockets are
behind it too, and a path that the settings do not list does not exist.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import REQUEST_ID, NotAllowed, NotFound, NotKnown, Problem, TooMany, WrongMethod
from serving.metrics import meters
from serving.routes import match, method, names
from serving.security.audit import Audit
from serving.security.body import read_body, replayed
from serving.security.calls import Calls
from serving.security.keys import Key, Keyring
from serving.security.limits import RateLimit
from serving.security.reply import SAFE, Reply
from serving.settings import Settings

log = logging.getLogger("qudao.guard")
CALLER = "qudao.caller"  # in the scope of what was let in: the name of the key
ROLE = "qudao.role"  # and its role
_GIVEN_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass
class Visit:
    """One call on its way through."""

    request: Request
    route: str = ""  # the listed path; empty: there is none
    key: Key | None = None

    @property
    def method(self) -> str:
        """The method that this path answers to."""
        return method(self.route)

    def caller(self) -> dict[str, str]:
        """Who it is, for the audit."""
        key = self.key
        return {"key": key.id, "caller": key.name, "role": key.role} if key else {}


class Guard:
    """ASGI application around another one; the settings are loaded when the application is made."""

    def __init__(self, app: ASGIApp, load: Callable[[], Settings]) -> None:
        self.app, self.settings = app, (settings := load())
        self.keyring, self.audit = Keyring(settings.keys_folder), Audit(settings.audit_file)
        self.limit = RateLimit(settings.rate_per_minute)
        self.calls = Calls(settings.max_waiting, settings.timeout_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            request = Request(scope)
            route = match(request.url.path, self.settings.access) or ""
            await self._visit(Visit(request, route), receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _visit(self, visit: Visit, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        given = visit.request.headers.get("x-request-id", "")
        REQUEST_ID.set(given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8))
        response = await self._response(visit, receive)
        response.headers.update(SAFE | {"X-Request-ID": REQUEST_ID.get()})
        self._count(visit, response, time.perf_counter() - started)
        await response(visit.request.scope, receive, send)

    async def _response(self, visit: Visit, receive: Receive) -> Response:
        try:
            self._admit(visit)
            return await self._answer(visit, receive)
        except Problem as problem:
            return problem.response()
        except Exception:
            log.exception("Call %s failed", REQUEST_ID.get())
            return Problem("The service failed while answering.").response()

    def _admit(self, visit: Visit) -> None:
        request, allowed = visit.request, self.settings.access.get(visit.route)
        if allowed is None:
            raise NotFound("There is no such path.")
        if request.method != visit.method and (request.method, visit.method) != ("HEAD", "GET"):
            raise WrongMethod(f"This path answers {visit.method}.", headers={"Allow": visit.method})
        if "anyone" in allowed:
            return
        visit.key = key = self.keyring.find(_token(request))
        if key is None:
            raise NotKnown("The call needs a valid API key.", headers={"WWW-Authenticate": "Bearer"})
        if key.role not in allowed:
            raise NotAllowed(f"This needs one of the roles {', '.join(allowed)}; the key is a {key.role}'s.")
        if key.role == "dealer" and names(request.url.path, visit.route).get("dealer_id") != key.dealer_id:
            raise NotAllowed("A dealer's key sees that dealer only.", next_step="Ask for your own dealer.")
        if wait_seconds := self.limit.wait_seconds(key.id):
            after = {"Retry-After": str(ceil(wait_seconds))}
            raise TooMany(f"A key may call {self.limit.per_minute} times a minute.", headers=after)
        request.scope[CALLER], request.scope[ROLE] = key.name, key.role

    async def _answer(self, visit: Visit, receive: Receive) -> Response:
        reply, scope = Reply(), visit.request.scope
        if visit.method == "POST":
            await self.calls.run(self._posted(visit, receive, reply))
        else:
            await self.app(scope, receive, reply.send)
        return reply.response()

    async def _posted(self, visit: Visit, receive: Receive, reply: Reply) -> None:
        limits = self.settings
        body = await read_body(
            receive,
            visit.request.headers,
            limit_bytes=limits.body_limit_bytes,
            timeout_seconds=limits.timeout_seconds / 2,  # the other half is the model's
        )
        await self.app(visit.request.scope, replayed(body, receive), reply.send)

    def _count(self, visit: Visit, response: Response, seconds: float) -> None:
        listed, series = visit.route or "other", int(response.headers.get("qudao-series", 0))
        meters().count(listed, status=response.status_code, seconds=seconds, series=series)
        if visit.key is None and response.status_code != NotKnown.status:
            return
        self.audit.note(
            request_id=REQUEST_ID.get(),
            **visit.caller(),
            method=visit.request.method,
            path=listed,
            status=response.status_code,
            seconds=round(seconds, 4),
            model=response.headers.get("qudao-model"),
            data=response.headers.get("qudao-data"),
            series=series,
        )


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
