"""Score as of: a batch of every series, as the channel was known when a period ended.

`as_of` names the last observed period, a month ("2017-09") or a week (its Monday). What
was known when that period ended is read from the lake; the champion forecasts from there. Planners'
overrides count as they do now when `as_of` is the last period on record, else as they did when it ended.

Errors: ChannelError (a date that is none, nothing known then), NoChampion, MissingPlans,
BrokenHierarchy (with levels: a loop of dealers, two parents).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from features.errors import ChannelError
from features.frequency import Frequency, frequency
from features.lake import Lake
from features.panel import Panel
from features.totals import Totals
from models.demand.overrides import in_force
from models.registry import Loaded, Registry
from serving.aggregates import write_aggregates
from serving.batch import BatchReport, Job, Progress, score
from serving.rooms.plans import Missing
from serving.snapshot import panel_at


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to score, and where to."""

    as_of: str
    out: Path
    horizon: int | None = None
    missing_plans: Missing = "refuse"
    levels: bool = False  # totals of every level beside the forecasts


def score_as_of(
    lake: Lake, registry: Registry, asked: Asked, *, on_chunk: Progress | None = None
) -> BatchReport:
    """Forecast every series known at the end of the period `as_of`."""
    loaded = registry.load("demand")
    panel = _panel(lake, loaded, asked.as_of)
    totals = _totals(lake, panel) if asked.levels else None  # its faults before anything is written
    job = Job(
        model=loaded.model,
        version=loaded.version,
        data_version=lake.version(),
        horizon=asked.horizon or loaded.model.horizon_,
        missing_plans=asked.missing_plans,
        force=in_force(lake.read("overrides"), _moment(lake, panel)),
    )
    report = score(job, panel, out=asked.out, on_chunk=on_chunk)
    if totals is not None:
        write_aggregates(job, panel, totals, out=asked.out)
    return replace(report, notes=hindsight(loaded.version, loaded.model.cutoff_, panel.cutoff))


def hindsight(version: str, learned_to: pd.Timestamp, as_of: pd.Timestamp) -> tuple[str, ...]:
    """What to say when a model is asked about a moment before the last that it has learned from.

    >>> hindsight("2", pd.Timestamp("2017-12-01"), pd.Timestamp("2017-06-01"))[0]
    'Mind: version 2 has learned from facts up to 2017-12-01, later than 2017-06-01: no honest look back.'
    """
    if learned_to <= as_of:
        return ()
    return (
        f"Mind: version {version} has learned from facts up to {learned_to:%Y-%m-%d}, "
        f"later than {as_of:%Y-%m-%d}: no honest look back.",
    )


def _totals(lake: Lake, panel: Panel) -> Totals:
    """Every level of the channel, with its dealers as they were known at the end of the panel."""
    tables = lake.as_of(panel.freq.shift(panel.cutoff, 1))
    return Totals.of(panel.static, tables.get("dealers"))


def _panel(lake: Lake, loaded: Loaded, as_of: str) -> Panel:
    freq = frequency(loaded.model.freq_)
    last = period(as_of, freq)
    panel = panel_at(lake, loaded.model, freq.shift(last, 1), loaded.card)
    if panel is None or panel.first > last:
        raise ChannelError(f"Nothing was on record at the end of {as_of}; load sales first (qudao ingest).")
    if (observed := panel.position(last)) > panel.t:
        raise ChannelError(
            f"Sales are on record to {panel.cutoff:%Y-%m-%d} only; load those of {as_of} first "
            "(qudao ingest), or name an earlier period."
        )
    return panel.at(observed)


def _moment(lake: Lake, panel: Panel) -> pd.Timestamp:
    """When overrides must have been known: now, or in the past at the end of the last observed period."""
    sold = panel.freq.floor(lake.read("sell_in")["period_start"])
    end = panel.freq.shift(panel.cutoff, 1)
    return end if sold.max() > panel.cutoff else max(end, pd.Timestamp.now("UTC").tz_localize(None))


def period(text: str, freq: Frequency) -> pd.Timestamp:
    """The start of the period that a text names.

    >>> period("2017-09", frequency("M"))
    Timestamp('2017-09-01 00:00:00')
    """
    try:
        day = pd.Timestamp(text)
    except ValueError:
        raise ChannelError(f"{text!r} is no period; write 2017-09, or a day as 2017-09-04.") from None
    return pd.Timestamp(freq.floor(pd.Series([day])).iloc[0])
