"""Parse: a JSON body into a request, or every fault in it, named as a caller would type it.

The values that were sent never appear in a message: pydantic is asked for places and
kinds of fault only.

Errors: NotUnderstood (400: not JSON), Wrong (422: JSON, but not this request).

>>> from serving.rooms.demand import FIELDS, Request
>>> parse(Request, b'{"keys": [{"unique_id": "D1/S1"}], "horizn": 3}', known=FIELDS)
Traceback (most recent call last):
...
serving.errors.Wrong: horizn: is not a field; did you mean horizon?
"""

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from serving.errors import Fault, NotUnderstood, Problem, Wrong

M = TypeVar("M", bound=BaseModel)
_MOST_FAULTS = 20_000  # more are counted, not listed: listing them takes a kilobyte each
_MOST_NAME = 64  # characters of a caller's own field name that are repeated


def parse(model: type[M], raw: bytes, *, known: Collection[str]) -> M:
    """The body as a `model`; `known` are the field names that a hint may suggest."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _problem(error, known) from None


def _problem(error: ValidationError, known: Collection[str]) -> Problem:
    count = error.error_count()
    if count > _MOST_FAULTS:
        return Wrong(f"The body has {count:,} faults: it is another kind of document.")
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return NotUnderstood(_lower(found[0]["msg"]) + ".")
    faults = [Fault(field=path(f["loc"]), detail=_say(f["type"], f, known)) for f in found]
    more = f" ({count:,} faults in all)" if count > 1 else ""
    return Wrong(f"{faults[0].field}: {faults[0].detail}{more}", faults=faults)


def path(loc: Sequence[int | str]) -> str:
    """A position inside the request, written as a caller would type it.

    >>> path(("series", 3, "history", 2, "units"))
    'series[3].history[2].units'
    """
    steps = [f"[{step}]" if isinstance(step, int) else f".{_plain(step)}" for step in loc]
    return "".join(steps).lstrip(".") or "body"


def _say(kind: str, fault: Any, known: Collection[str]) -> str:
    if kind == "missing":
        return "is required"
    if kind != "extra_forbidden":
        return _lower(fault["msg"].removeprefix("Value error, "))
    near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
    return f"is not a field; did you mean {near[0]}?" if near else "is not a field"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "?", name)[:_MOST_NAME]
