"""The intake: files in, canonical tables out, with every fault told at once.

`read` is what everybody calls. Its `Intake` holds the good rows as canonical tables, the
faults by rule, column and key, and the bad rows as they were, with a reason each. A raw row
is good or bad as a whole: if its price is broken, its quantity is not taken either.
`accepted()` gives the tables, or raises when the profile refuses a load with bad rows.

Errors: SourceError (the files cannot be read at all), BadRows (from `accepted`).
Limits: the whole load is held in memory; 2 million rows of sell-in take about 1.2 GB and 10 s.

>>> import tempfile
>>> from features.sources.profile import load_profile
>>> file = Path(tempfile.mkdtemp()) / "a.csv"
>>> _ = file.write_text("store,item,month,units,price\\nN1,A,2017-01,5,2.5\\nN1,A,2017-02,-7,2.5\\n")
>>> intake = read(load_profile("generic"), [file])
>>> print(intake)
1 fault; 1 of 2 rows is bad:
  sell_in.qty_sell_in: negative in 1 row; expected zero or more; first: N1/A/2017-02-01/ (row 3)
>>> intake.tables["prices"]["net_price"].tolist()
[2.5]
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from features.errors import BadRows
from features.sources import channel, folder, generic
from features.sources.channel import Part
from features.sources.database import read_query
from features.sources.files import read_files
from features.sources.gaps import with_zeros
from features.sources.judging import empty, judge, labels, missing, quarantined
from features.sources.profile import Profile, default_files
from features.tables import Fault, Known, coerce


@dataclass(frozen=True)
class Intake:
    """What came in: good rows as tables, all faults, and the bad rows with their reasons.

    `profile` is the one that was used: generic's says which columns and which frequency it found.
    """

    profile: Profile
    tables: dict[str, pd.DataFrame]
    faults: list[Fault]
    quarantine: pd.DataFrame
    n_rows: int
    notes: list[str] = field(default_factory=list)

    def accepted(self) -> dict[str, pd.DataFrame]:
        """The tables; BadRows when there are faults that the profile does not let pass."""
        lost = any(fault.rows == 0 for fault in self.faults)
        if self.faults and (lost or self.profile.partial == "refuse"):
            raise BadRows(f"Nothing was loaded: {self}")
        return self.tables

    def __str__(self) -> str:
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        noted = "".join(f"\n  note: {note}" for note in self.notes)
        if not self.faults:
            return f"{self.n_rows:,} rows, no faults{noted}"
        n, bad = len(self.faults), len(self.quarantine)
        verb = "is" if bad == 1 else "are"
        return f"{n} fault{'s' * (n > 1)}; {bad:,} of {self.n_rows:,} rows {verb} bad:{listed}{noted}"


def read(
    profile: Profile,
    files: Sequence[str | Path] = (),
    *,
    known: Known | None = None,
    as_of: pd.Timestamp | None = None,
) -> Intake:
    """Read files (the profile's own when none are given) into canonical tables.

    `known` are the ids that dealers and products already have; nothing observed may lie
    after `as_of` (UTC, default now).
    """
    moment = as_of or pd.Timestamp.now("UTC").tz_localize(None)
    parts, notes = _parts(profile, [Path(file) for file in files] or default_files(profile))
    n_rows = sum(len(sheet.rows) for _, sheet in parts)
    profile = profile if profile.format == "tables" or profile.parts else parts[0][0]
    if found := missing(parts) or empty(parts):
        return Intake(profile, {}, found, quarantined(parts, found), n_rows, notes)
    tables, found = _sifted(parts, known or {}, moment)
    if profile.gaps == "zero" and "sell_in" in tables:
        delay = pd.Timedelta(days=profile.publication_delay_days)
        tables["sell_in"] = coerce("sell_in", with_zeros(tables["sell_in"], profile.frequency or "M", delay))
    return Intake(profile, tables, found, quarantined(parts, found), n_rows, notes)


def _parts(profile: Profile, files: list[Path]) -> tuple[list[Part], list[str]]:
    """Sheets with the profile that reads each, and notes on what was left out."""
    if profile.format == "tables":
        return channel.parts(profile, files), []
    if profile.parts:
        return folder.parts(profile, files), []
    sheet = read_query(profile) if profile.format == "database" else read_files(profile, files)
    if profile.aliases:
        part, notes = generic.resolve(profile, sheet)
        return [part], notes
    absent = set(profile.optional) - set(sheet.rows.columns)
    notes = [f'optional column "{column}" is not there' for column in sorted(absent)]
    return [(profile.without(absent), sheet)], notes


def _sifted(
    parts: list[Part], known: Known, as_of: pd.Timestamp
) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    """The tables of the good rows, and all faults: drafted anew until no bad row is left."""
    faults: list[Fault] = []
    while True:
        tables, found = judge(parts, known, as_of)
        faults += found
        bad = labels(found)
        if not len(bad):
            return tables, faults
        parts = [(profile, sheet.without(bad)) for profile, sheet in parts]
