"""Settings of the demand room: configs/demand.yaml, read into a frozen model.

Every fault is told at once, with the name that was meant. Options of the learners
(`boosted`, `lstm`) are those of models.demand.boosted and models.demand.recurrent.

Errors: BadSettings.

>>> DemandConfig.parse({"windws": 2})
Traceback (most recent call last):
    ...
training.settings.BadSettings: Settings of the demand room:
  windws: not a setting. Did you mean "windows"?
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from features.errors import ChannelError, hint
from models.demand.boosted import Boosted
from models.demand.recurrent import Recurrent

Name = Literal["boosted", "lstm", "ets", "theta", "croston", "tsb", "imapa"]
Letter = Literal["M", "W"]
Options = dict[str, float]
Periods = dict[Letter, Annotated[int, Field(ge=1)]]
_HORIZON: Periods = {"M": 3, "W": 13}
_REPLAYS: Periods = {"M": 5, "W": 4}
CONFIG = Path(__file__).parents[1] / "configs" / "demand.yaml"
_OWN = ("loop", "country", "seed")  # set by the recipe, not here


class BadSettings(ChannelError):
    def __init__(self, faults: list[str]) -> None:
        super().__init__("Settings of the demand room:" + "".join(f"\n  {fault}" for fault in faults))


class DemandConfig(BaseModel):
    """configs/demand.yaml; the values here are those of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    horizon: Periods = _HORIZON
    replays: Periods = _REPLAYS
    windows: int = Field(default=3, ge=1)
    members: tuple[Name, ...] = Field(default=("boosted", "lstm", "ets", "theta", "tsb"), min_length=1)
    country: str | None = None
    delay: int = Field(default=0, ge=0)
    gaps: Literal["missing", "zero"] = "missing"
    boosted: Options = {}
    lstm: Options = {}
    workers: int = Field(default=2, ge=1)
    seed: int = 0

    @field_validator("horizon")
    @classmethod
    def _of_each_horizon(cls, given: Periods) -> Periods:
        return _HORIZON | given

    @field_validator("replays")
    @classmethod
    def _of_each_replay(cls, given: Periods) -> Periods:
        return _REPLAYS | given

    @field_validator("boosted")
    @classmethod
    def _of_trees(cls, options: Options) -> Options:
        return _typed(options, Boosted)

    @field_validator("lstm")
    @classmethod
    def _of_network(cls, options: Options) -> Options:
        return _typed(options, Recurrent)

    @classmethod
    def read(cls, path: Path = CONFIG) -> Self:
        """The settings in a YAML file."""
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError:
            raise BadSettings([f"{path}: no such file."]) from None
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadSettings([f"{path}: cannot be read as YAML ({type(error).__name__})."]) from None
        return cls.parse(found or {})

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """The settings in a mapping."""
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            raise BadSettings([_line(fault) for fault in error.errors(include_input=False)]) from None


def _typed(options: Options, learner: type) -> Options:
    """Whole numbers as integers where the learner counts; unknown options refused."""
    known = {f.name: f.type for f in fields(learner) if f.init and f.name not in _OWN}
    if wrong := [f"{name!r} is no option.{hint(name, known)}" for name in options if name not in known]:
        raise ValueError("; ".join(wrong))
    return {k: int(v) if known[k] in (int, "int") else v for k, v in options.items()}


def _line(fault: Any) -> str:
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{where}: not a setting.{hint(where, DemandConfig.model_fields)}"
    return f"{where}: {fault['msg']}"
