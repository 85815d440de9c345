"""The warehouse: one Delta Lake table for each canonical table, written in whole batches.

History is only ever added to: a correction is a new row with a later `known_at`, so every
past state can be read again with `as_of`. A batch reaches all of its tables or none: see
`features.journal`. Loading the same batch twice writes nothing.

Errors: BadRows (a batch that breaks a schema), LakeBusy, UnknownTable.
Limits: one writer at a time (others wait), a folder with POSIX locks. The tables are plain
Delta that Spark, DuckDB and Polars read at `root/<table>`; only the lake may write them.

>>> import tempfile
>>> lake = Lake(tempfile.mkdtemp())
>>> dealers = pd.DataFrame({"dealer_id": ["D1"], "tier": ["A"], "known_at": ["2017-01-01"]})
>>> print(lake.merge({"dealers": dealers}, source="doc"))
doc: dealers +1 new
>>> print(lake.merge({"dealers": dealers}, source="doc"))
doc: nothing new
>>> promoted = dealers.assign(tier="B", known_at="2017-06-01")
>>> print(lake.merge({"dealers": promoted}, source="doc"))
doc: dealers +1 new
>>> [lake.as_of(day)["dealers"]["tier"].tolist() for day in ("2016-01-01", "2017-05-31", "2017-06-01")]
[[], ['A'], ['B']]
"""

import hashlib
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake

from features.corrections import News, compare
from features.errors import BadRows, LakeBusy
from features.journal import Journal
from features.tables import SCHEMAS, Table, check, coerce, table
from features.tables.checks import Known

WAIT_S = 60.0
_ARROW = {"str": pa.string(), "float64": pa.float64(), "int64": pa.int64(), "boolean": pa.bool_()}
_REFERENCED = {"dealers": "dealer_id", "products": "sku_id"}


@dataclass(frozen=True)
class Receipt:
    """What one batch changed, by table, and the data version after it."""

    source: str
    new: Mapping[str, int]
    corrected: Mapping[str, int]
    unchanged: Mapping[str, int]
    version: str

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return any(self.new.values()) or any(self.corrected.values())

    def __str__(self) -> str:
        counts = [(self.new, "new"), (self.corrected, "corrected")]
        parts = [f"{name} +{n:,} {what}" for rows, what in counts for name, n in rows.items() if n]
        return f"{self.source}: {', '.join(parts) or 'nothing new'}"


class Lake:
    """The tables under one folder."""

    def __init__(self, root: str | Path, *, wait_s: float = WAIT_S) -> None:
        self.root = Path(root)
        self.wait_s = wait_s
        self._journal = Journal(self.root)
        if self._journal.state().open:
            self._recover()

    def tables(self) -> list[str]:
        """The tables that hold something, by name."""
        return sorted(self._versions())

    def version(self, *, without: Collection[str] = ()) -> str:
        """A short name of the data as it is now: it changes when, and only when, rows do."""
        chosen = {name: n for name, n in self._versions().items() if name not in without}
        deltas = [DeltaTable(self.root / name, version=n) for name, n in chosen.items()]
        files = [uri.rsplit("/", 2)[-2:] for delta in deltas for uri in delta.file_uris()]
        return hashlib.sha256(repr(sorted(files)).encode()).hexdigest()[:12]

    def versions(self) -> dict[str, int]:
        """Each table's own version: with `history`, the way back to what was stored then."""
        return self._versions()

    def history(self, versions: Mapping[str, int] | None = None) -> dict[str, pd.DataFrame]:
        """Every table with its whole history, as it is stored now or was at these versions."""
        chosen = self._versions() if versions is None else versions
        return {name: self._rows(table(name), chosen, None) for name in sorted(chosen)}

    def read(self, name: str) -> pd.DataFrame:
        """Every row of a table with its whole history; empty when nothing was loaded."""
        return self._rows(table(name), self._versions(), None)

    def as_of(self, cutoff: str | date, names: Iterable[str] | None = None) -> dict[str, pd.DataFrame]:
        """What was known at `cutoff`: for each business key the row with the latest known_at."""
        moment = _naive(pd.Timestamp(cutoff))
        seen = pc.field("known_at") <= pa.scalar(moment.to_pydatetime(), pa.timestamp("us"))
        versions = self._versions()  # once: every table as the same batch left it
        schemas = map(table, names or sorted(versions))
        return {one.name: _latest(one, self._rows(one, versions, seen)) for one in schemas}

    def known(self, batch: Mapping[str, pd.DataFrame] | None = None) -> Known:
        """The ids that references may use: those of the batch and those of the lake."""
        ids: dict[str, set[str]] = {}
        for name, column in _REFERENCED.items():
            if name in (batch or {}):
                ids.setdefault(name, set()).update((batch or {})[name][column])
            if name in self._versions():
                ids.setdefault(name, set()).update(self.read(name)[column])
        return ids

    def merge(
        self, tables: Mapping[str, pd.DataFrame], *, source: str, now: pd.Timestamp | None = None
    ) -> Receipt:
        """Add what is new in `tables`, all or nothing; corrections are known from `now` (UTC) on."""
        batch = self._checked(tables)
        with self._journal.lock(self.wait_s):
            self._restore()
            moment = _naive(now or pd.Timestamp.now("UTC"))
            news = {name: self._news(table(name), frame, moment) for name, frame in batch.items()}
            self._append({name: one.rows for name, one in news.items() if len(one.rows)}, source)
            return _receipt(source, news, self.version())

    def _checked(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        batch = {name: coerce(name, frame) for name, frame in tables.items()}
        known = self.known(batch)
        if faults := [fault for name, frame in batch.items() for fault in check(name, frame, known=known)]:
            raise BadRows("\n".join(["Nothing was loaded:", *map(str, faults)]))
        return batch

    def _news(self, schema: Table, batch: pd.DataFrame, now: pd.Timestamp) -> News:
        return compare(schema, batch, self._rows(schema, self._versions(), _span(batch)), now)

    def _append(self, rows: Mapping[str, pd.DataFrame], source: str) -> None:
        if not rows:
            return
        before = self._versions()
        self._journal.begin(before | {name: None for name in rows if name not in before})
        try:
            after = {name: self._write(name, frame, source) for name, frame in rows.items()}
        except BaseException:
            self._restore()
            raise
        self._journal.end(before | after)

    def _write(self, name: str, frame: pd.DataFrame, source: str) -> int:
        rows = pa.Table.from_pandas(frame, schema=_arrow(table(name)), preserve_index=False)
        note = CommitProperties(custom_metadata={"source": source})
        write_deltalake(self.root / name, rows, mode="append", commit_properties=note)
        return DeltaTable(self.root / name).version()

    def _recover(self) -> None:
        """After a crash, put every table back; a writer that is still alive is left alone."""
        with suppress(LakeBusy), self._journal.lock(0):
            self._restore()

    def _restore(self) -> None:
        state = self._journal.state()
        if not state.open:
            return
        for name, version in state.versions.items():
            self._put_back(name, version)
        whole = [name for name, version in state.versions.items() if version is not None]
        self._journal.end({name: DeltaTable(self.root / name).version() for name in whole})

    def _put_back(self, name: str, version: int | None) -> None:
        path = self.root / name
        if version is None:
            shutil.rmtree(path, ignore_errors=True)
        elif (delta := DeltaTable(path)).version() > version:
            delta.restore(version)

    def _versions(self) -> dict[str, int]:
        """The version at which each table is whole: the journal's, or the last of tables without one."""
        if not self._journal.started:
            paths = {name: self.root / name for name in SCHEMAS}
            return {n: DeltaTable(p).version() for n, p in paths.items() if DeltaTable.is_deltatable(str(p))}
        versions = self._journal.state().versions
        return {name: version for name, version in versions.items() if version is not None}

    def _rows(
        self, schema: Table, versions: Mapping[str, int], condition: pc.Expression | None
    ) -> pd.DataFrame:
        if schema.name not in versions:
            return schema.coerce(pd.DataFrame({name: [] for name in schema.required}))
        delta = DeltaTable(self.root / schema.name, version=versions[schema.name])
        return schema.coerce(delta.to_pyarrow_table(filters=condition).to_pandas())


def _span(batch: pd.DataFrame) -> pc.Expression | None:
    """Only the stored rows in the periods of the batch can meet it."""
    if "period_start" not in batch or batch.empty:
        return None
    first, last = (
        pa.scalar(batch["period_start"].agg(end).to_pydatetime(), pa.timestamp("us"))
        for end in ("min", "max")
    )
    return (pc.field("period_start") >= first) & (pc.field("period_start") <= last)


def _latest(schema: Table, rows: pd.DataFrame) -> pd.DataFrame:
    ordered = rows.sort_values("known_at", kind="stable")
    return ordered.drop_duplicates(list(schema.key), keep="last").sort_values(
        list(schema.key), ignore_index=True
    )


def _arrow(schema: Table) -> pa.Schema:
    return pa.schema([(name, _ARROW.get(schema.dtype(name), pa.timestamp("us"))) for name in schema.columns])


def _receipt(source: str, news: Mapping[str, News], version: str) -> Receipt:
    new, corrected, unchanged = (
        {name: int(getattr(one, count)) for name, one in news.items()}
        for count in ("new", "corrected", "unchanged")
    )
    return Receipt(source, new, corrected, unchanged, version)


def _naive(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment
