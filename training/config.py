"""RoomConfig: how the settings of a room are read.

A room's settings are a frozen model whose defaults are the values of `configs/<room>.yaml`.
Every fault is told at once, with the name that was meant.

Errors: BadSettings.

>>> class Config(RoomConfig):
...     months: int = 6
>>> Config.parse({"monhts": 2})
Traceback (most recent call last):
    ...
training.config.BadSettings: Settings:
  monhts: not a setting. Did you mean "months"?
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from features.errors import ChannelError, hint

CONFIGS = Path(__file__).parents[1] / "configs"


class BadSettings(ChannelError):
    def __init__(self, room: str, faults: list[str]) -> None:
        whose = f"Settings of the {room} room:" if room else "Settings:"
        super().__init__(whose + "".join(f"\n  {fault}" for fault in faults))


class RoomConfig(BaseModel):
    """The settings of one room; `room` names its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    room: ClassVar[str] = ""

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """The settings in a YAML file (the room's own, when none is named)."""
        path = path or CONFIGS / f"{cls.room}.yaml"
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError:
            raise BadSettings(cls.room, [f"{path}: no such file."]) from None
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadSettings(
                cls.room, [f"{path}: cannot be read as YAML ({type(error).__name__})."]
            ) from None
        return cls.parse(found or {})

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """The settings in a mapping."""
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            faults = [cls._line(fault) for fault in error.errors(include_input=False)]
            raise BadSettings(cls.room, faults) from None

    @classmethod
    def _line(cls, fault: Any) -> str:
        where = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            return f"{where}: not a setting.{hint(where, cls.model_fields)}"
        return f"{where}: {fault['msg']}"
