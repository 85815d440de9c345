"""Settings: what an operator may choose about the service, and nothing else.

Read once, from `configs/serving.yaml` under the home folder (or the file that
QUDAO_SERVING_CONFIG names), then from the environment: QUDAO_PORT=8080 beats `port: 3000`.
`uri` (QUDAO_URI, else MLFLOW_TRACKING_URI) is the registry's database; without it the
registry embedded under the home folder is used.

Errors: BadSettings (an unknown key, a value out of range), one line a fault with a hint.

>>> Settings.load(environ={"QUDAO_HOME": "/srv/qudao", "QUDAO_PORT": "8080"}).port
8080
>>> Settings.load(environ={"QUDAO_PORT": "99999"})
Traceback (most recent call last):
...
serving.settings.BadSettings: port: input should be less than or equal to 65535.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import ChannelError
from serving.routes import OWN, POSTED, READ

Role = Literal["planner", "platform", "scientist", "admin", "dealer"]
Caller = Literal["anyone"] | Role
ROLES: tuple[Role, ...] = get_args(Role)
STAFF: tuple[Role, ...] = tuple(role for role in ROLES if role != "dealer")
CONFIG = Path("configs/serving.yaml")
MIB = 2**20


class BadSettings(ChannelError):
    """configs/serving.yaml or the environment holds something that is not a setting."""


def _access() -> Mapping[str, tuple[Caller, ...]]:
    open_to_anyone = ("/livez", "/readyz", "/", "/docs", "/docs/docs.css", "/docs/docs.js", "/openapi.json")
    paths: dict[str, tuple[Caller, ...]] = {path: ("anyone",) for path in open_to_anyone}
    paths |= dict.fromkeys(sorted({*POSTED, *READ}), STAFF) | {"/metrics": ("platform", "admin")}
    paths |= dict.fromkeys(OWN, ROLES)  # a dealer's key sees its own dealer there
    return MappingProxyType(paths)


class Settings(BaseModel):
    """Everything an operator may choose; frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Path()
    uri: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 3000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    body_limit_bytes: Annotated[int, Field(ge=1024, le=256 * MIB)] = 8 * MIB
    max_series: Annotated[int, Field(ge=1, le=10_000)] = 2_000
    timeout_seconds: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    max_waiting: Annotated[int, Field(ge=1, le=1_000)] = 16
    rate_per_minute: Annotated[int, Field(ge=1)] = 600
    poll_seconds: Annotated[float, Field(ge=0.1, le=3_600)] = 5.0
    access: Mapping[str, tuple[Caller, ...]] = Field(default_factory=_access)

    @classmethod
    def load(cls, *, environ: Mapping[str, str] = os.environ) -> Self:
        """The settings of this machine: defaults, then the file, then the environment."""
        home = Path(environ.get("QUDAO_HOME", "."))
        named = environ.get("QUDAO_SERVING_CONFIG")
        chosen = _from_file(Path(named) if named else home / CONFIG, required=bool(named))
        chosen |= {"home": home} | _from_environment(environ, cls.model_fields)
        try:
            return cls.model_validate(chosen)
        except ValidationError as error:
            raise BadSettings(_explain(error, cls.model_fields)) from None

    @property
    def keys_folder(self) -> Path:
        """Where the hashed API keys are."""
        return self.home / "private" / "keys"

    @property
    def audit_file(self) -> Path:
        """Where every authenticated call is noted."""
        return self.home / "private" / "audit.jsonl"

    @property
    def decisions_file(self) -> Path:
        """Where every decision is kept with what made it."""
        return self.home / "private" / "decisions.jsonl"

    @property
    def questions_file(self) -> Path:
        """Where the questions behind the last forecasts are kept."""
        return self.home / "private" / "forecasts.log"

    @property
    def warehouse(self) -> Path:
        """The root of the lake."""
        return self.home / "warehouse"


def _from_file(path: Path, *, required: bool) -> dict[str, Any]:
    if not required and not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise BadSettings(f"{path} cannot be read as YAML: {type(error).__name__}.") from None
    if not isinstance(found, dict):
        raise BadSettings(f"{path} should be `key: value` lines; found a {type(found).__name__}.")
    return found


def _from_environment(environ: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: environ.get(f"QUDAO_{name.upper()}") for name in fields if name != "access"}
    named["uri"] = named["uri"] or environ.get("MLFLOW_TRACKING_URI")
    return {name: value for name, value in named.items() if value}


def _explain(error: ValidationError, known: Mapping[str, Any]) -> str:
    return "\n".join(_line(fault["loc"], fault["type"], fault["msg"], known) for fault in error.errors())


def _line(loc: tuple[int | str, ...], kind: str, message: str, known: Mapping[str, Any]) -> str:
    where = ".".join(map(str, loc))
    if kind != "extra_forbidden":
        return f"{where}: {message[0].lower()}{message[1:]}."
    near = difflib.get_close_matches(where, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"settings are {', '.join(known)}."
    return f"{where}: not a setting; {hint}"
