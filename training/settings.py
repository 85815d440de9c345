"""Settings of the demand room: configs/demand.yaml, read into a frozen model.

Every fault is told at once, with the name that was meant. Options of the learners
(`boosted`, `lstm`) are those of models.demand.boosted and models.demand.recurrent.

Errors: BadSettings.

>>> DemandConfig.parse({"windws": 2})
Traceback (most recent call last):
    ...
training.config.BadSettings: Settings of the demand room:
  windws: not a setting. Did you mean "windows"?
"""

from dataclasses import fields
from typing import Annotated, Literal

from pydantic import Field, field_validator

from features.errors import hint
from models.demand.boosted import Boosted
from models.demand.recurrent import Recurrent
from training.config import CONFIGS, RoomConfig

Name = Literal["boosted", "lstm", "ets", "theta", "croston", "tsb", "imapa", "curve"]
Letter = Literal["M", "W"]
Options = dict[str, float]
Periods = dict[Letter, Annotated[int, Field(ge=1)]]
_HORIZON: Periods = {"M": 3, "W": 13}
_REPLAYS: Periods = {"M": 5, "W": 4}
CONFIG = CONFIGS / "demand.yaml"
_OWN = ("loop", "country", "seed")  # set by the recipe, not here


class DemandConfig(RoomConfig):
    """configs/demand.yaml; the values here are those of the file."""

    room = "demand"
    horizon: Periods = _HORIZON
    replays: Periods = _REPLAYS
    windows: int = Field(default=3, ge=1)
    members: tuple[Name, ...] = Field(
        default=("boosted", "lstm", "ets", "theta", "tsb", "curve"), min_length=1
    )
    country: str | None = None
    delay: int = Field(default=0, ge=0)
    gaps: Literal["missing", "zero"] = "missing"
    boosted: Options = Field(default_factory=dict)
    lstm: Options = Field(default_factory=dict)
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


def _typed(options: Options, learner: type) -> Options:
    """Whole numbers as integers where the learner counts; unknown options refused."""
    known = {f.name: f.type for f in fields(learner) if f.init and f.name not in _OWN}
    if wrong := [f"{name!r} is no option.{hint(name, known)}" for name in options if name not in known]:
        raise ValueError("; ".join(wrong))
    return {k: int(v) if known[k] in (int, "int") else v for k, v in options.items()}
