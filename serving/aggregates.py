"""Aggregates: forecasts of every level of the channel, from those of its series.

In:   a finished batch (its means), the model that made it (its draws), and the totals wanted.
Out:  OUT/_aggregates.parquet, one row a node and span: level, id, period_start, periods, mean, q05 ... q95,
      model_version, data_version. `periods` is 1 for a single period and the horizon for the sum of all,
      whose quantiles cannot be had by adding up.

Means are sums of the series' means. Quantiles are those of sums of the series' draws, so every total of every
draw adds up. Draws are made partition by partition: a series has the same ones whoever is with it.

Errors: BrokenHierarchy (from features.totals, before anything is scored).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel
from features.totals import Totals
from models.demand.forecast import column
from serving.batch import AGGREGATES, CHUNK_SERIES, Job, partitions, read
from serving.rooms.plans import ready

Array = NDArray[np.float64]
DRAWS = 400
SEED = 0


def write_aggregates(
    job: Job, panel: Panel, totals: Totals, *, out: Path, chunk: int = CHUNK_SERIES
) -> pd.DataFrame:
    """Totals of the batch in `out`, beside it."""
    planned = ready(panel, job.model.plans_, job.horizon, missing=job.missing_plans)
    means = totals.sums(_means(read(out), panel, job.horizon))  # [g, h]
    units = np.zeros((totals.count, job.horizon, DRAWS), dtype=np.float32)
    for rows in partitions(planned, chunk):
        draws = job.model.draws(planned.take(rows), count=DRAWS, horizon=job.horizon, seed=SEED)
        units += totals.within(rows).sums(draws.units)
    frame = _frame(job, totals, means, units, planned.ahead(job.horizon))
    frame.to_parquet(fresh := out / f".{AGGREGATES}", index=False)
    fresh.replace(out / AGGREGATES)
    return frame


def _means(forecasts: pd.DataFrame, panel: Panel, horizon: int) -> Array:
    """The batch's means in the order of the panel, [n, h]."""
    row = pd.Index(forecasts["unique_id"].to_numpy()[::horizon]).get_indexer(pd.Index(panel.ids))
    return np.asarray(forecasts["mean"].to_numpy(dtype=float).reshape(-1, horizon)[row])


def _frame(
    job: Job, totals: Totals, means: Array, units: NDArray[np.float32], periods: pd.DatetimeIndex
) -> pd.DataFrame:
    spans = [(1, day, means[:, j], units[:, j]) for j, day in enumerate(periods)]
    spans.append((job.horizon, periods[0], means.sum(axis=1), units.sum(axis=1)))
    levels = job.model.levels_
    parts = []
    for count, day, mean, drawn in spans[: None if job.horizon > 1 else -1]:
        part = totals.nodes.assign(period_start=day, periods=count, mean=mean)
        bands = np.quantile(drawn, levels, axis=1)
        parts.append(part.assign(**{column(p): bands[j] for j, p in enumerate(levels)}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(model_version=job.version, data_version=job.data_version)
