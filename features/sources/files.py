"""Files as they are: raw rows with the file and row number that each came from.

Text files are read as text, cell by cell, so that "007" stays "007". Encodings: those that
the profile names, then UTF-8 (with or without a mark), GBK and GB18030.

Errors: UnreadableFile (missing, empty, broken), WrongEncoding. Messages never show content.

>>> import tempfile
>>> file = Path(tempfile.mkdtemp()) / "a.csv"
>>> _ = file.write_bytes("经销商;数量\\n007;5\\n".encode("gbk"))
>>> sheet = read_file(Profile(), file)
>>> sheet.rows.to_dict("records"), sheet.origin["row"].tolist()
([{'经销商': '007', '数量': '5'}], [2])
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import UnreadableFile, WrongEncoding
from features.sources.profile import Csv, Profile, Wide
from features.sources.wide import melted

FALLBACK_ENCODINGS = ("utf-8-sig", "gbk", "gb18030")
DELIMITERS = (",", ";", "\t", "|")
_SUFFIXES = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Sheet:
    """Raw rows and where each came from; both share one index."""

    rows: pd.DataFrame
    origin: pd.DataFrame  # file, row (as a spreadsheet counts: 1 is the header)
    headers: dict[str, frozenset[str]]  # file to the columns that it has

    def without(self, labels: "NDArray[np.int64]") -> Self:
        """The sheet without these rows."""
        keep = ~self.rows.index.isin(labels)
        return replace(self, rows=self.rows[keep], origin=self.origin[keep])

    def numbered_from(self, first: int) -> Self:
        """The sheet with labels that start at `first`, so that several sheets share one count."""
        rows, origin = (
            self.rows.set_axis(self.rows.index + first),
            self.origin.set_axis(self.origin.index + first),
        )
        return replace(self, rows=rows, origin=origin)


def read_files(profile: Profile, files: list[Path]) -> Sheet:
    """All files as one sheet."""
    sheets = [read_file(profile, file) for file in files]
    rows = pd.concat([sheet.rows for sheet in sheets], ignore_index=True)
    origin = pd.concat([sheet.origin for sheet in sheets], ignore_index=True)
    return Sheet(rows, origin, {name: header for sheet in sheets for name, header in sheet.headers.items()})


def read_file(profile: Profile, file: Path) -> Sheet:
    """One file of the profile's format, or of the format that its name says."""
    if not file.is_file():
        raise UnreadableFile(str(file), "no such file")
    if file.stat().st_size == 0:
        raise UnreadableFile(str(file), "empty (0 bytes); expected a header and rows")
    read, header = _READERS[_format(profile, file)], 1
    rows = read(profile, file)
    if _format(profile, file) == "excel":
        header = profile.excel.header_row
    read_rows = sheet(file.name, rows, header_row=header)
    return _long(profile, profile.wide, read_rows) if profile.wide else read_rows


def sheet(name: str, rows: pd.DataFrame, *, header_row: int = 0) -> Sheet:
    """Rows with their numbers; rows without any content are left out."""
    rows = rows.set_axis([str(column).strip() for column in rows.columns], axis=1).reset_index(drop=True)
    origin = pd.DataFrame({"file": name, "row": rows.index + 1 + header_row})
    blank = (rows.isna() | (rows == "")).all(axis=1)
    return Sheet(rows[~blank], origin[~blank], {name: frozenset(rows.columns)})


def _long(profile: Profile, wide: Wide, one: Sheet) -> Sheet:
    """A wide sheet with a row for each cell; a cell's origin is the row of the file that it stands in."""
    rows, origin = melted(one.rows, wide, kept=set(profile.columns))
    headers = {name: header | {wide.name, wide.value} for name, header in one.headers.items()}
    return Sheet(rows, one.origin.iloc[origin].reset_index(drop=True), headers)


def _format(profile: Profile, file: Path) -> str:
    known = _SUFFIXES.get(file.suffix.lower()) if profile.format in {"auto", "tables"} else profile.format
    if known is None:
        raise UnreadableFile(
            str(file), f"format not known from its name; expected one of {sorted(_SUFFIXES)}"
        )
    return known


def _read_csv(profile: Profile, file: Path) -> pd.DataFrame:
    text = _decoded(profile.csv, file)
    header = next((line for line in text.splitlines() if line.strip()), "")
    if not header:
        raise UnreadableFile(str(file), "empty (blank lines only); expected a header and rows")
    delimiter = profile.csv.delimiter or max(DELIMITERS, key=header.count)
    options = {"dtype": "str", "keep_default_na": False, "index_col": False, "skip_blank_lines": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # pandas only warns when a row has more cells than the header
            return pd.read_csv(io.StringIO(text), sep=delimiter, **options)  # type: ignore[call-overload, no-any-return]
    except (pd.errors.ParserError, pd.errors.ParserWarning):
        why = "rows with more cells than the header, or a quote that never closes"
        raise UnreadableFile(str(file), f"{why}; delimiter {delimiter!r}") from None


def _decoded(csv: Csv, file: Path) -> str:
    content = file.read_bytes()
    encodings = list(dict.fromkeys([*csv.encodings, *FALLBACK_ENCODINGS]))
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\x00" not in text:
            return text
    raise WrongEncoding(str(file), encodings)


def _read_excel(profile: Profile, file: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(
            file, sheet_name=profile.excel.sheet, header=profile.excel.header_row - 1, dtype=object
        )
    except (BadZipFile, ValueError, KeyError, OSError, IndexError):
        why = f"not an Excel workbook with a sheet {profile.excel.sheet!r}"
        raise UnreadableFile(str(file), f"{why} and column names in row {profile.excel.header_row}") from None


def _read_parquet(_profile: Profile, file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError):
        raise UnreadableFile(str(file), "not a Parquet file") from None


_READERS: dict[str, Callable[[Profile, Path], pd.DataFrame]] = {
    "csv": _read_csv,
    "excel": _read_excel,
    "parquet": _read_parquet,
}
