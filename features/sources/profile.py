"""A mapping profile: how one kind of file or query becomes canonical tables.

Profiles are YAML files in `configs/sources/`, read into frozen models; a misspelt key is an
error with a hint. `docs/sources.md` explains every key with an example.

Errors: UnknownProfile, ProfileError (all faults of the profile at once).

>>> load_profile("stallion").frequency
'M'
>>> parse("mine", {"keys": {"dealer_id": "shop"}, "frequancy": "M", "known_from": "2013-01-01"})
Traceback (most recent call last):
    ...
features.errors.ProfileError: Profile mine: 1 faults:
  frequancy: no such key. Did you mean "frequency"?
"""

import os
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from features.errors import ProfileError, UnknownProfile, hint
from features.tables import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "configs" / "sources"

Columns = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]
Mapped = dict[str, Columns]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Csv(_Part):
    """How text files are written; without a delimiter, the one that the header uses most."""

    encodings: tuple[str, ...] = ()
    delimiter: str | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""


class Excel(_Part):
    """Which sheet, and the row (from 1) that holds the column names."""

    sheet: str | int = 0
    header_row: int = Field(default=1, ge=1)


class Database(_Part):
    """A query, and the environment variable that holds the SQLAlchemy URL."""

    url_env: str
    query: str


class Dates(_Part):
    """The column of a row's date, and the formats that it may have, the first that fits wins.

    `weeks_from` is the first day of week 1 when the column holds week numbers.
    """

    column: str = ""
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    weeks_from: date | None = None


class Units(_Part):
    """The column of a row's unit, and how many sales units each unit value holds."""

    column: str
    factors: dict[str, Annotated[float, Field(gt=0)]]


class Currencies(_Part):
    """The column of a row's currency, and the ISO code of each value."""

    column: str
    codes: dict[str, str]


class Wide(_Part):
    """Columns to make long: the new columns for their names and for their cells.

    `columns` are the ones to take (default: all that the profile does not name otherwise); cells that
    are empty or say one of `blanks` are left out.
    """

    name: str
    value: str
    columns: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ("N/A",)


class Mask(_Part):
    """Cells to blank where the number in a column marks them as meaningless."""

    where: str
    at_most: float
    blank: tuple[str, ...]


class Profile(_Part):
    """One mapping; see docs/sources.md."""

    name: str = "profile"
    about: str = ""
    format: Literal["auto", "csv", "excel", "parquet", "database", "tables"] = "auto"
    files: tuple[str, ...] = ()
    csv: Csv = Csv()
    excel: Excel = Excel()
    database: Database | None = None
    frequency: Literal["M", "W"] | None = None
    grain: Literal["period", "day"] = "period"
    dates: Dates = Dates()
    known_from: date | None = None
    keys: Mapped = {}
    tables: dict[str, Mapped] = {}
    constants: dict[str, str | float] = {}
    plans: dict[str, str] = {}
    signals: dict[str, str] = {}
    optional: tuple[str, ...] = ()
    units: Units | None = None
    currencies: Currencies | None = None
    wide: Wide | None = None
    scales: dict[str, Annotated[float, Field(gt=0)]] = {}
    masks: tuple[Mask, ...] = ()
    prices: Literal["plan", "observed"] = "plan"
    gaps: Literal["missing", "zero"] = "missing"
    blank_quantity: Literal["fault", "missing"] = "fault"
    partial: Literal["refuse", "accept"] = "refuse"
    duplicates: Literal["fault", "sum"] = "fault"
    parts: dict[str, dict[str, Any]] = {}
    publication_delay_days: int = Field(default=0, ge=0)
    plan_lead_days: int = Field(default=120, ge=0)
    aliases: dict[str, tuple[str, ...]] = {}
    stated: dict[str, str] = {}  # meaning to a file's own column, before any alias

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if faults := [*self._table_faults(), *self._scale_faults(), *self._time_faults()]:
            raise ValueError("\n".join(faults))
        return self

    @property
    def columns(self) -> dict[str, str]:
        """Every column of the file that is used, and what for."""
        used = {column: f"{table}.{name}" for table, name, column in self._mapped()}
        used |= {column: name for name, columns in self.keys.items() for column in columns}
        used |= {column: kind for kind, column in (self.plans | self.signals).items()}
        for part in (self.dates, self.units, self.currencies):
            used |= {part.column: type(part).__name__.lower()} if part and part.column else {}
        return used

    def without(self, absent: set[str]) -> Self:
        """The profile for a file that lacks these optional columns."""
        gone = absent & set(self.optional)
        left = {table: _kept(mapped, gone) for table, mapped in self.tables.items()}
        tables = {table: mapped for table, mapped in left.items() if mapped or not self.tables[table]}
        kinds = {
            part: {kind: column for kind, column in getattr(self, part).items() if column not in gone}
            for part in ("plans", "signals")
        }
        single = {
            part: None
            for part in ("units", "currencies")
            if getattr(getattr(self, part), "column", "") in gone
        }
        return self.model_copy(update={"tables": tables, "keys": _kept(self.keys, gone), **kinds, **single})

    def _mapped(self) -> Iterator[tuple[str, str, str]]:
        for table, mapped in self.tables.items():
            for name, columns in mapped.items():
                yield from ((table, name, column) for column in columns)

    def _table_faults(self) -> Iterator[str]:
        for table, mapped in self.tables.items():
            if table not in SCHEMAS:
                yield f"tables.{table}: no such table.{hint(table, SCHEMAS)}"
                continue
            known = SCHEMAS[table].columns
            wrong = [name for name in mapped if name not in known]
            yield from (f"tables.{table}.{name}: no such column.{hint(name, known)}" for name in wrong)

    def _scale_faults(self) -> Iterator[str]:
        mapped = [name for columns in self.tables.values() for name in columns]
        for name in (name for name in self.scales if name not in mapped):
            yield f"scales.{name}: no table maps this column.{hint(name, mapped)}"

    def _time_faults(self) -> Iterator[str]:
        known = [table for table in self.tables if table in SCHEMAS]
        by_period = any("period_start" in SCHEMAS[table].columns for table in known)
        if by_period and self.dates.column and self.frequency is None:
            yield "frequency: M or W is needed to place dates in periods"
        for table, mapped in self.tables.items():
            if not (self.dates.column or self.known_from or "known_at" in mapped):
                yield f"tables.{table}: when was it known? Give dates.column, known_from or a known_at"


def load_profile(name_or_path: str | Path) -> Profile:
    """A shipped profile by name, or any YAML file by path."""
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = PROFILES / f"{name_or_path}.yaml"
    if not path.is_file():
        raise UnknownProfile(str(name_or_path), (file.stem for file in PROFILES.glob("*.yaml")))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        raise ProfileError(str(path), [f"not YAML{f' (line {place.line + 1})' if place else ''}"]) from None
    return parse(path.stem, content or {})


def parse(name: str, content: Mapping[str, Any]) -> Profile:
    """A profile from what its YAML says."""
    try:
        return Profile.model_validate({"name": name, **content})
    except ValidationError as error:
        faults = [line for one in error.errors() for line in _told(one["type"], one["loc"], one["msg"])]
        raise ProfileError(name, faults) from None


def default_files(profile: Profile) -> list[Path]:
    """The profile's own files, under $QUDAO_DATA (default: ../shared/data beside the project)."""
    data = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    return [data / file for file in profile.files]


def _kept(mapped: Mapped, gone: set[str]) -> Mapped:
    left = {
        name: tuple(column for column in columns if column not in gone) for name, columns in mapped.items()
    }
    return {name: columns for name, columns in left.items() if columns}


def _told(kind: str, place: tuple[str | int, ...], message: str) -> list[str]:
    where = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return [f"{where}: no such key.{hint(str(place[-1]), _fields(place[:-1]))}"]
    if kind == "value_error" and not where:
        return message.removeprefix("Value error, ").splitlines()
    return [f"{where}: {message}"]


def _fields(place: tuple[str | int, ...]) -> list[str]:
    """The keys that a part of a profile may have."""
    model: Any = Profile
    for name in place:
        if isinstance(name, str) and name in model.model_fields:
            model = _model_in(model.model_fields[name].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((_model_in(part) for part in get_args(annotation) if part is not type(None)), Profile)
