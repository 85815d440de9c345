"""Asked: what every room does with a call: find the rows of the names, and say which model answered.

Errors: serving.errors.NotFound (a name that is not on record, by position), Wrong (a name twice).

>>> rows_of(["D2"], {"D1": 0, "D2": 1}, "dealer_ids[{}]", noun="dealer", next_step="Check the ids.")
[1]
>>> records(pd.DataFrame({"units": [1.0, None]}))
[{'units': 1.0}, {'units': None}]
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel

from serving.errors import Fault, NotFound, wrong
from serving.scores import Scores

_ABSENT = {"dealer": "no such dealer", "line": "no such dealer and product"}


class ModelUsed(BaseModel):
    """Which model answered."""

    name: str
    version: str


def made_by(scores: Scores) -> dict[str, Any]:
    """The model, the data and the day of an answer."""
    model = ModelUsed(name=scores.name, version=scores.version)
    return {"model": model, "data_version": scores.data_version, "as_of": scores.as_of}


def rows_of(
    names: Sequence[str],
    rows: Mapping[str, int],
    field: str,
    *,
    noun: Literal["dealer", "line"],
    next_step: str,
    but: str = "are not on record.",
) -> list[int]:
    """The row of each name; all must be there. `field` names a position: "dealer_ids[{}]"."""
    found = [rows.get(name) for name in names]
    if unknown := [i for i, row in enumerate(found) if row is None]:
        raise NotFound(
            f"{len(unknown)} of {len(found)} {noun}s {but}",
            kind=f"unknown-{noun}",
            next_step=next_step,
            faults=[Fault(field=field.format(i), detail=_ABSENT[noun]) for i in unknown],
        )
    return [row for row in found if row is not None]


def refuse_twice(names: Sequence[str], field: str, noun: str) -> None:
    """No name may stand twice."""
    if len(twice := np.flatnonzero(pd.Series(names).duplicated())):
        where = field.format(twice[0])
        raise wrong(where, f"{where}: the same {noun} stands twice.")


def records(frame: pd.DataFrame, *, days: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows as JSON would hold them: null for what is not known, days without a time."""
    plain = frame.astype(object).where(frame.notna(), None)
    for name in days:
        plain[name] = [moment.date() for moment in frame[name]]
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]
