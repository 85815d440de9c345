"""A folder of files of different kinds, each read by a part of one profile.

A profile with `parts` names files by pattern; what a part says is added to what the profile
says for all. So dealers, deliveries and scans that another system wrote come in together, and
all or nothing is loaded.

Errors: UnreadableFile (a part without a file, a file without a part), ProfileError (a part).

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> _ = (folder / "shops.csv").write_text("shop,area\\nD1,N\\n")
>>> _ = (folder / "notes.txt").write_text("read me")
>>> mapped = {"keys": {"dealer_id": "shop"}, "tables": {"dealers": {"territory_id": "area"}}}
>>> profile = Profile(known_from="2024-01-01", parts={"shops*": mapped})
>>> [(sorted(one.tables), len(sheet.rows)) for one, sheet in parts(profile, [folder])]
[(['dealers'], 1)]
"""

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from features.errors import UnreadableFile
from features.sources.channel import Part, numbered
from features.sources.files import read_files
from features.sources.profile import Profile, parse
from features.tables import SCHEMAS


def parts(profile: Profile, paths: list[Path]) -> list[Part]:
    """Each part of the profile with the sheet of its files."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    named = {file.name for path in paths if not path.is_dir() for file in [path]}
    base = profile.model_dump(exclude={"parts", "name"}, exclude_unset=True)
    read, taken = [], set[str]()
    for pattern, own in profile.parts.items():
        part = parse(f"{profile.name}.{pattern}", _joined(base, own))
        matched = [file for file in files if fnmatch(file.name, pattern) and file.name not in taken]
        taken |= {file.name for file in matched}
        if matched:
            sheet = read_files(part, matched)
            read.append((part.without(set(part.optional) - set(sheet.rows.columns)), sheet))
    _complain(profile, read, named - taken)
    return numbered(read)


def _joined(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The part's keys over those of the profile; mappings are joined, ids without a table left out."""
    joined = dict(base)
    for key, value in own.items():
        before = base.get(key)
        joined[key] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    columns = {c for table in joined.get("tables", {}) if table in SCHEMAS for c in SCHEMAS[table].columns}
    given = joined.get("keys", {})
    return joined | {"keys": {k: v for k, v in given.items() if k in columns or k in own.get("keys", {})}}


def _complain(profile: Profile, read: list[Part], strangers: set[str]) -> None:
    patterns = ", ".join(profile.parts)
    if strangers:
        raise UnreadableFile(sorted(strangers)[0], f"no part of {profile.name} is for it; parts: {patterns}")
    if not read:
        raise UnreadableFile(profile.name, f"no file matches any part; expected {patterns}")
