"""Ingest: files into the lake, by a profile; one report, nothing by halves.

Bad rows go to a CSV that a spreadsheet opens (UTF-8 with a mark), with file, row and the
reasons. Good rows are loaded beside them only when the profile says `partial: accept`.

Errors: SourceError (unreadable), BadRows (refused; the whole report is its message),
LakeBusy.

>>> import tempfile
>>> from features.sources import load_profile
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "a.csv").write_text("store,item,month,units\\nN1,A,2017-01,5\\nN1,A,2017-02,6\\n")
>>> lake = Lake(folder / "lake")
>>> print(ingest(load_profile("generic"), [folder / "a.csv"], lake, quarantine_dir=folder))
2 rows, no faults
generic: sell_in +2 new
>>> print(ingest(load_profile("generic"), [folder / "a.csv"], lake, quarantine_dir=folder))
2 rows, no faults
generic: nothing new
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.errors import BadRows
from features.lake import Lake, Receipt
from features.sources import Intake, Profile, read


@dataclass(frozen=True)
class IngestReport:
    """What was read, what was set aside and where, and what the lake took."""

    intake: Intake
    receipt: Receipt
    quarantine: Path | None

    def __str__(self) -> str:
        aside = f"\nbad rows: {self.quarantine}" if self.quarantine else ""
        return f"{self.intake}{aside}\n{self.receipt}"


def ingest(
    profile: Profile, files: Sequence[str | Path], lake: Lake, *, quarantine_dir: str | Path
) -> IngestReport:
    """Load files (the profile's own when none are given) into the lake."""
    intake = read(profile, files, known=lake.known())
    aside = _set_aside(intake, Path(quarantine_dir))
    try:
        tables = intake.accepted()
    except BadRows as refusal:
        raise BadRows(f"{refusal}\nbad rows: {aside}" if aside else refusal) from None
    return IngestReport(intake, lake.merge(tables, source=profile.name), aside)


def _set_aside(intake: Intake, folder: Path) -> Path | None:
    """The file of bad rows; its name is its content's, so that a second run writes no second file."""
    if intake.quarantine.empty:
        return None
    text = intake.quarantine.to_csv(index=False)
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    path = folder / f"{intake.profile.name}-{digest}.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path
