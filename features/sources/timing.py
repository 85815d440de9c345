"""When each row happened and when we could know it.

| table | event_at | known_at |
|---|---|---|
| observed period facts | period_start (documents: their day) | the period's end + publication delay |
| planned period facts | period_start | period_start - plan lead |
| registers (dealers, products, outlets) | | `known_from`, else the row's date |
| other facts | the row's date | the row's date + publication delay |

A column that the profile maps itself is left as it is, so all loads are deterministic.

>>> ends(pd.Series(pd.to_datetime(["2017-01-01", "2017-12-01"])), "M").dt.date.tolist()
[datetime.date(2017, 2, 1), datetime.date(2018, 1, 1)]
"""

from typing import Any

import pandas as pd

from features.frequency import frequency
from features.sources.profile import Profile
from features.sources.reading import Reading
from features.tables import Table
from features.tables.columns import MOMENT

REGISTERS = frozenset({"dealers", "products", "outlets"})
_PLANS = frozenset({"promotions", "rebate_programmes", "contracts", "overrides"})


def planned(profile: Profile, table: str) -> bool:
    """Whether rows of this table may lie ahead of what has happened."""
    return table in _PLANS | REGISTERS or (table == "prices" and profile.prices == "plan")


def timed(reading: Reading, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the times that the profile does not map itself."""
    if reading.profile.dates.column:
        frame = _dated(reading, table, frame)
    if "known_at" not in frame:
        frame = frame.assign(known_at=_known_at(reading, table, frame))
    return frame


def ends(starts: "pd.Series[pd.Timestamp]", letter: str) -> "pd.Series[pd.Timestamp]":
    """The start of the period after each."""
    rhythm = frequency(letter)
    following = {start: rhythm.shift(start, 1) for start in starts.dropna().unique()}
    return starts.map(following).astype("datetime64[us]")


def _dated(reading: Reading, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    if table.name in REGISTERS or {"event_at", "period_start"} & set(frame):
        return frame
    event = reading.date((table.name, "known_at"))
    if "period_start" not in table.columns:
        return frame.assign(event_at=event)
    starts = frequency(_letter(reading.profile)).floor(reading.date((table.name, "period_start")))
    if reading.profile.grain == "period" or table.name != "sell_in":
        return frame.assign(period_start=starts, event_at=starts)
    document = {} if "document_id" in frame else {"document_id": _days(event)}
    return frame.assign(period_start=starts, event_at=event, **document)


def _known_at(reading: Reading, table: Table, frame: pd.DataFrame) -> Any:
    profile = reading.profile
    if profile.known_from and (table.name in REGISTERS or not profile.dates.column):
        return pd.Series(pd.Timestamp(profile.known_from), index=frame.index, dtype=MOMENT)
    if table.name in REGISTERS:
        return reading.date((table.name, "known_at"))
    delay = pd.Timedelta(days=profile.publication_delay_days)
    if "period_start" not in frame:
        return frame["event_at"] + delay
    if planned(profile, table.name):
        return frame["period_start"] - pd.Timedelta(days=profile.plan_lead_days)
    return ends(frame["period_start"], _letter(profile)) + delay


def _letter(profile: Profile) -> str:
    return profile.frequency or "M"


def _days(event: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
    """The day of each document, which names it when it has no number."""
    days = event.dt.normalize()
    return days.map({day: f"{day:%Y-%m-%d}" for day in days.dropna().unique()}).fillna("").astype("str")
