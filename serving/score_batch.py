"""Score batch: a scoring room's frames for every dealer, as of the end of a month or week.

    OUT/<frame>.parquet     one row a subject: score, probability, reasons ...; nested lists kept
    OUT/<frame>.csv         the same for a spreadsheet: lists as text, UTF-8 with a mark for Excel
    OUT/_manifest.json      room, versions, as_of, rows, notes

All frames are written aside and renamed together, the manifest last: where it is, the rest is.

Errors: ChannelError (no such period, nothing known then), NoChampion, ForeignFolder (OUT holds
something else).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import ChannelError
from features.frequency import MONTHLY, WEEKLY
from features.known import FACTS
from features.lake import Lake
from models.registry import NoChampion, Registry
from serving.asof import hindsight, period
from serving.batch import MANIFEST, ForeignFolder
from serving.scores import Data, Model, Scores, needed, score_rooms, stamped

Told = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to score, and where to; a version stands in for the champion."""

    room: str
    as_of: str
    out: Path
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScoreReport:
    """What was written."""

    room: str
    version: str
    as_of: str
    out: Path
    rows: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = ", ".join(f"{rows:,} {name}" for name, rows in self.rows.items())
        return "\n".join(
            (f"{self.room} version {self.version} as of {self.as_of}: {counts}: {self.out}", *self.notes)
        )


def score_room(
    lake: Lake, registry: Registry, wanted: Wanted, *, told: Told = lambda doing: None
) -> ScoreReport:
    """Score a room at the end of a period, with what the other rooms said before it."""
    moment = end_of(wanted.as_of)
    tables = lake.history()
    _require_facts(tables, moment, wanted.as_of)
    models = _models(registry, wanted.room, wanted.version)
    data = Data(tables=tables, moment=moment, version=lake.version())
    scores = score_rooms(models, data, told=told)[wanted.room]
    return _write(scores, wanted.out, wanted.as_of)


def end_of(as_of: str) -> pd.Timestamp:
    """The moment at which a month ("2017-09") or the week of a day ("2017-09-04") has ended.

    >>> end_of("2017-09"), end_of("2017-09-06")
    (Timestamp('2017-10-01 00:00:00'), Timestamp('2017-09-11 00:00:00'))
    """
    freq = WEEKLY if as_of.count("-") == 2 else MONTHLY
    return freq.shift(period(as_of, freq), 1)


def _models(registry: Registry, room: str, version: str | None) -> dict[str, Model]:
    models = {}
    for name in needed(room):
        try:
            loaded = registry.load(name, version) if name == room and version else registry.load(name)
        except NoChampion:
            if name == room:
                raise
            continue
        models[name] = Model(model=loaded.model, version=loaded.version, card=loaded.card)
    return models


def _require_facts(tables: Mapping[str, pd.DataFrame], moment: pd.Timestamp, as_of: str) -> None:
    facts = {*FACTS, "contracts"}
    if not any((frame["known_at"] <= moment).any() for name, frame in tables.items() if name in facts):
        raise ChannelError(f"Nothing was on record at the end of {as_of}; load data first (qudao ingest).")


def _write(scores: Scores, out: Path, as_of: str) -> ScoreReport:
    frames = stamped(scores)
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()) and not (out / MANIFEST).exists():
        raise ForeignFolder(out)
    for name, frame in frames.items():
        _aside(out / f"{name}.parquet", partial(frame.to_parquet, index=False))
        _aside(out / f"{name}.csv", partial(_flat(frame).to_csv, index=False, encoding="utf-8-sig"))
    report = ScoreReport(
        room=scores.name,
        version=scores.version,
        as_of=as_of,
        out=out,
        rows={name: len(frame) for name, frame in frames.items()},
        notes=_notes(scores),
    )
    manifest = _manifest(scores, report)
    _aside(out / MANIFEST, lambda path: path.write_text(json.dumps(manifest, indent=1), encoding="utf-8"))
    return report


def _aside(path: Path, write: Callable[[Path], Any]) -> None:
    fresh = path.with_name(f".{path.name}")
    write(fresh)
    fresh.replace(path)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Lists and mappings as text: reasons as their sentences, the rest as JSON."""
    return frame.assign(**{str(c): frame[c].map(_text) for c in frame.columns if frame[c].dtype == object})


def _text(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], Mapping) and "text" in value[0]:
        return "; ".join(str(one["text"]) for one in value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str) if value else ""
    return value


def _notes(scores: Scores) -> tuple[str, ...]:
    """What a reader should know before trusting the numbers."""
    said = [*hindsight(scores.version, scores.model.cutoff_, scores.moment)]
    about = scores.card.get("about") or {}
    if fallback := about.get("fallback"):
        said.append(f"Mind: {_fallback(fallback)}.")
    return tuple(said)


def _fallback(told: Any) -> str:
    if isinstance(told, str):
        return told
    what = f" for {', '.join(map(str, told))}" if isinstance(told, list) else ""
    return f"too little was on record to learn from, so stated prior weights answer{what}"


def _manifest(scores: Scores, report: ScoreReport) -> dict[str, Any]:
    return {
        "room": report.room,
        "model_version": report.version,
        "data_version": scores.data_version,
        "as_of": report.as_of,
        "rows": dict(report.rows),
        "others": sorted(scores.others),
        "notes": list(report.notes),
        "complete": True,
    }
