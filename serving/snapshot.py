"""Snapshot: what the service answers from, as one thing that is replaced whole.

A snapshot is the champion of a room, and the panel built from the lake as it is known
today. `Shelf` looks every few seconds whether the champion, the data or the day changed
(three cheap look-ups), builds the next snapshot beside the current one and swaps them in
one assignment: a call sees the old or the new, never a mixture. When building fails, the
old one stays and the reason is logged.

Errors: serving.errors.NotReady from `Shelf.need` while there is nothing to answer from.
"""

import logging
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pandas as pd

from features.draws import Draws
from features.frequency import frequency
from features.panel import Panel
from models.demand.forecast import Forecast
from serving.errors import NotReady
from serving.settings import Settings

if TYPE_CHECKING:  # heavy: imported when first used
    from features.lake import Lake
    from models.registry import Registry

log = logging.getLogger("qudao.snapshot")
ASIDE = ("overrides",)  # read with every forecast: they move no model's answer
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Forecaster(Protocol):
    """What a demand model offers to the service."""

    freq_: str
    horizon_: int
    levels_: tuple[float, ...]
    plans_: tuple[str, ...]
    cutoff_: pd.Timestamp
    member_names_: tuple[str, ...]

    def predict(self, panel: Panel, *, horizon: int | None = None) -> Forecast: ...

    def draws(
        self, panel: Panel, *, count: int = 200, horizon: int | None = None, seed: int = 0
    ) -> Draws: ...


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One model and the data it is asked about."""

    name: str  # the room
    version: str
    model: Forecaster
    card: Mapping[str, Any]
    trained_at: str
    panel: Panel | None  # None while the lake is empty
    data_version: str
    stored: Mapping[str, int] = field(default_factory=dict)  # table -> its version
    moment: pd.Timestamp | None = None  # what was known then (UTC)

    def __str__(self) -> str:
        return f"{self.name} {self.version} with data {self.data_version}"

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """unique_id -> its row in the panel."""
        return {} if self.panel is None else {str(key): row for row, key in enumerate(self.panel.ids)}


class Source(Protocol[T_co]):
    """Where snapshots come from."""

    def stamp(self) -> Hashable:
        """Changes whenever another snapshot would be built."""

    def build(self) -> T_co: ...


class DemandSource:
    """The registry and the lake under the home folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _registry(self) -> "Registry":
        from models.registry import Registry

        return Registry(self.settings.uri, root=self.settings.home)

    @cached_property
    def _lake(self) -> "Lake":
        from features.lake import Lake

        return Lake(self.settings.warehouse)

    def stamp(self) -> Hashable:
        """Champion, data version and day."""
        data = self._lake.version(without=ASIDE)
        return self._registry.champion("demand"), data, datetime.now(UTC).date()

    def build(self) -> Snapshot:
        """The champion with the panel of today."""
        moment = pd.Timestamp.now("UTC")
        stored, data_version = self._lake.versions(), self._lake.version()
        loaded = self._registry.load("demand")
        versions = {v.version: v.created_ms for v in self._registry.versions("demand")}
        return Snapshot(
            name="demand",
            version=loaded.version,
            model=loaded.model,
            card=loaded.card,
            trained_at=written(versions[loaded.version]),
            panel=panel_at(self._lake, loaded.model, moment, loaded.card),
            data_version=data_version,
            stored=stored,
            moment=moment,
        )


def panel_at(
    lake: "Lake", model: Forecaster, moment: pd.Timestamp, card: Mapping[str, Any] | None = None
) -> Panel | None:
    """The panel as it was known at a moment, gathered as for the training; None without sell-in."""
    return panel_from(lake.as_of(moment), model, card)


def panel_from(
    tables: Mapping[str, pd.DataFrame], model: Forecaster, card: Mapping[str, Any] | None = None
) -> Panel | None:
    """The panel of tables as they were known, gathered as for the training; None without sell-in."""
    from features.gather import gather

    if "sell_in" not in tables or tables["sell_in"].empty:
        return None
    return gather(tables, frequency(model.freq_), gaps=(card or {}).get("gaps", "missing"))


class Shelf(Generic[T]):
    """Holds the current snapshot and looks for a newer one in a thread of its own."""

    def __init__(self, source: Source[T], *, poll_seconds: float) -> None:
        self.source, self.poll_seconds = source, poll_seconds
        self.current: T | None = None
        self._stamp: Hashable = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="snapshot", daemon=True)

    def need(self) -> T:
        """The current snapshot."""
        if self.current is None:
            raise NotReady("No model is loaded.", headers={"Retry-After": "5"})
        return self.current

    def refresh(self) -> bool:
        """Look once; whether the snapshot was replaced."""
        stamp = self.source.stamp()
        if stamp == self._stamp:
            return False
        fresh = self.source.build()
        self.current, self._stamp = fresh, stamp
        log.info("Loaded %s", fresh)
        return True

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join(timeout=self.poll_seconds + 1)

    def _watch(self) -> None:
        said = ""
        while True:
            said = self._try(said)
            if self._stop.wait(self.poll_seconds):
                return

    def _try(self, said: str) -> str:
        """One look; a reason that repeats is logged once."""
        try:
            self.refresh()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if reason != said:
                log.warning("No new snapshot: %s", reason)
            return reason
        return ""


def written(milliseconds: int) -> str:
    """A moment in milliseconds since 1970, as a text."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
