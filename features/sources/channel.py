"""A folder of files that are named after the canonical tables and have their columns.

That is what `qudao simulate` writes, and the way in for a warehouse that already keeps
these tables. A CSV is typed by the table's schema.

Errors: UnreadableFile (no such folder, or nothing in it named after a table).

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "dealers.csv").write_text("dealer_id,known_at\\nD1,2017-01-01\\n")
>>> [(profile.tables, len(sheet.rows)) for profile, sheet in parts(Profile(), [folder])]
[({'dealers': {'dealer_id': ('dealer_id',), 'known_at': ('known_at',)}}, 1)]
"""

from pathlib import Path

from features.errors import UnreadableFile, hint
from features.sources.files import Sheet, read_file
from features.sources.profile import Profile
from features.tables import SCHEMAS, table

Part = tuple[Profile, Sheet]


def parts(profile: Profile, paths: list[Path]) -> list[Part]:
    """Each table's file with the profile that maps it onto itself."""
    files = [file for path in paths for file in _files(path)]
    sheets = [(file.stem, read_file(profile, file)) for file in files]
    return numbered([(_itself(profile, name, one), one) for name, one in sheets])


def numbered(sheets: list[Part]) -> list[Part]:
    """Parts whose rows share one count, so that a label names one row of one file."""
    counted, n_rows = [], 0
    for profile, one in sheets:
        counted.append((profile, one.numbered_from(n_rows)))
        n_rows += int(one.rows.index.max()) + 1 if len(one.rows) else 0
    return counted


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [file for file in sorted(path.iterdir()) if file.stem in SCHEMAS and file.is_file()]
        if not found:
            raise UnreadableFile(str(path), f"no file named after a table; expected {', '.join(SCHEMAS)}")
        return found
    if path.is_file() and path.stem not in SCHEMAS:
        raise UnreadableFile(str(path), f"not named after a table.{hint(path.stem, SCHEMAS)}")
    return [path]


def _itself(profile: Profile, name: str, one: Sheet) -> Profile:
    own = table(name)
    present = [column for column in own.columns if column in one.rows.columns or column in own.required]
    return profile.model_copy(
        update={"name": name, "tables": {name: {column: (column,) for column in present}}}
    )
