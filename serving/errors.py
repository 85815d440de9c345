"""Problems: every refusal the service can give, in one shape (RFC 9457, problem+json).

* Problem                 status, kind, detail, field, next step
  + NotUnderstood   400     + TooLarge        413     + TooMany      429
  + NotKnown        401     + WrongType       415     + NotReady     503
  + NotAllowed      403     + Wrong           422     + TooSlow      504
  + NotFound        404     + SlowBody        408
  + WrongMethod     405

`field` is the path a caller would type (`series[3].history[2].units`), `next_step` what to
do about it, `errors` the first faults when there are several. A body never holds a stack
trace, a secret, or a value the caller sent: messages are made of names and limits only.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")  # of the call in hand
MEDIA_TYPE = "application/problem+json"
SHOWN = 5  # faults listed in one answer


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    field: str = Field(examples=["series[3].history[2].units"])
    detail: str = Field(examples=["input should be a valid number"])


class ProblemBody(BaseModel):
    """What every refusal looks like (application/problem+json, RFC 9457)."""

    type: str = Field(description="Which kind of problem; a link to its explanation.")
    title: str
    status: int
    detail: str = Field(description="What was found and what was expected.")
    next_step: str = Field(description="What to do about it.")
    request_id: str = Field(description="Quote it when asking for help; it is in the audit log.")
    field: str | None = Field(None, description="Path of the first wrong field.")
    errors: list[Fault] | None = Field(None, description=f"The first {SHOWN} faults.")


class Problem(Exception):
    """A refusal with its reason; one subclass a status, `kind` names the case."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "internal-error"
    next_step = "Try again; if it stays, quote the request_id to whoever runs the service."

    def __init__(
        self,
        detail: str,
        *,
        kind: str | None = None,
        next_step: str | None = None,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.kind = kind or self.kind
        self.next_step = next_step or self.next_step
        self.faults = list(faults)
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The problem as an HTTP response to the call in hand."""
        body = ProblemBody(
            type=f"/docs#{self.kind}",
            title=self.status.phrase,
            status=self.status,
            detail=self.detail,
            next_step=self.next_step,
            request_id=REQUEST_ID.get(),
            field=self.faults[0].field if self.faults else None,
            errors=self.faults[:SHOWN] or None,
        )
        return JSONResponse(
            body.model_dump(exclude_none=True),
            status_code=self.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


class NotUnderstood(Problem):
    status, kind = HTTPStatus.BAD_REQUEST, "not-json"
    next_step = "Send one JSON object; /docs shows an example to start from."


class NotKnown(Problem):
    status, kind = HTTPStatus.UNAUTHORIZED, "no-key"
    next_step = "Send `Authorization: Bearer KEY`; an admin makes a key with `qudao key create NAME ROLE`."


class NotAllowed(Problem):
    status, kind = HTTPStatus.FORBIDDEN, "role"
    next_step = "Use a key with one of those roles; an admin can make one."


class NotFound(Problem):
    status, kind = HTTPStatus.NOT_FOUND, "no-such-path"
    next_step = "The paths are listed at /docs."


class WrongMethod(Problem):
    status, kind = HTTPStatus.METHOD_NOT_ALLOWED, "method"
    next_step = "Use the method named in the Allow header."


class SlowBody(Problem):
    status, kind = HTTPStatus.REQUEST_TIMEOUT, "body-timeout"
    next_step = "Send the body without pauses, or in smaller calls."


class TooLarge(Problem):
    status, kind = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large"
    next_step = "Split the call by series, or score in a batch: `qudao score demand`."


class WrongType(Problem):
    status, kind = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type"
    next_step = "Send `Content-Type: application/json`, UTF-8, not compressed."


class Wrong(Problem):
    status, kind = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-field"
    next_step = "Correct the named field and send the call again; nothing was stored."


class TooMany(Problem):
    status, kind = HTTPStatus.TOO_MANY_REQUESTS, "rate-limit"
    next_step = "Wait for the seconds in Retry-After; ask for more series in fewer calls."


class NotReady(Problem):
    status, kind = HTTPStatus.SERVICE_UNAVAILABLE, "nothing-loaded"
    next_step = (
        "A released model is loaded within a minute. When there is none yet: "
        "`qudao train demand`, then `qudao release demand`."
    )


class TooSlow(Problem):
    status, kind = HTTPStatus.GATEWAY_TIMEOUT, "timeout"
    next_step = "Ask for fewer series in one call, or raise timeout_seconds in configs/serving.yaml."


PROBLEMS: Mapping[int, type[Problem]] = {p.status: p for p in Problem.__subclasses__()}


def wrong(field: str, detail: str, *, kind: str | None = None, next_step: str | None = None) -> Wrong:
    """One wrong field.

    >>> wrong("horizon", "at most 3 periods").faults[0].field
    'horizon'
    """
    return Wrong(detail, kind=kind, next_step=next_step, faults=[Fault(field=field, detail=detail)])


def from_upstream(status: int) -> Problem:
    """The problem behind an error that BentoML or Starlette worded; their words are dropped."""
    said = {HTTPStatus.SERVICE_UNAVAILABLE: "No model is loaded.", HTTPStatus.NOT_FOUND: "No such path."}
    return PROBLEMS.get(status, Problem)(said.get(HTTPStatus(status), "The call could not be answered."))
