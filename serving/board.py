"""Board: the scores of every room that has a champion, replaced whole when anything changes.

Errors: serving.errors.NotReady (a room without a champion).
"""

import logging
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

import pandas as pd

from features.known import last_known
from serving.errors import NotReady
from serving.scores import ORDER, Data, Model, Scores, score_rooms
from serving.settings import Settings
from serving.snapshot import ASIDE, written

if TYPE_CHECKING:
    from features.lake import Lake
    from models.registry import Registry

log = logging.getLogger("qudao.board")


@dataclass(frozen=True)
class Board:
    """Room -> its scores, and of those that could not score, why."""

    scores: Mapping[str, Scores]
    failed: Mapping[str, str] = field(default_factory=dict)

    def need(self, room: str) -> Scores:
        """The scores of a room."""
        if room in self.failed:
            raise NotReady(
                f"The model of the room {room} could not score the data of now ({self.failed[room]}).",
                next_step=f"Train it again with `qudao train {room}` and release it; the log says more.",
            )
        if room not in self.scores:
            raise NotReady(
                f"The room {room} has no champion.",
                next_step=f"Train it with `qudao train {room}`, then release it with `qudao release {room}`.",
            )
        return self.scores[room]

    def __str__(self) -> str:
        rooms = ", ".join(f"{name} {one.version}" for name, one in self.scores.items())
        broken = f"; without {', '.join(self.failed)}" if self.failed else ""
        return f"scores of {rooms or 'no room'}{broken}"


class BoardSource:
    """The registry and the lake under the home folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def registry(self) -> "Registry":
        """The models."""
        from models.registry import Registry

        return Registry(self.settings.uri, root=self.settings.home)

    @cached_property
    def lake(self) -> "Lake":
        """The data."""
        from features.lake import Lake

        return Lake(self.settings.warehouse)

    def stamp(self) -> Hashable:
        """Champions, data version and day."""
        champions = tuple(self._champion(room) for room in ("demand", *ORDER))
        return champions, self.lake.version(without=ASIDE), datetime.now(UTC).date()

    def build(self) -> Board:
        """Every room's champion asked about what is known today."""
        models = {room: self._model(room) for room in ("demand", *ORDER) if self._champion(room)}
        if not models.keys() - {"demand"}:
            return Board({})
        stored, version = self.lake.versions(), self.lake.version()
        tables = self.lake.history(stored)
        moment = last_known(tables, pd.Timestamp.now("UTC").tz_localize(None))
        data, failed = Data(tables=tables, moment=moment, version=version, stored=stored), dict[str, str]()
        return Board(score_rooms(models, data, failed=partial(_note, failed)), failed)

    def _champion(self, room: str) -> str | None:
        from models.registry import NoChampion

        try:
            return self.registry.champion(room)
        except NoChampion:
            return None

    def _model(self, room: str) -> Model:
        loaded = self.registry.load(room)
        made = {v.version: v.created_ms for v in self.registry.versions(room)}
        return Model(
            model=loaded.model,
            version=loaded.version,
            card=loaded.card,
            trained_at=written(made[loaded.version]),
        )


def _note(failed: dict[str, str], room: str, error: Exception) -> None:
    """Told by its class alone: a message may hold rows."""
    failed[room] = type(error).__name__
    log.exception("The room %s could not score", room, exc_info=error)
