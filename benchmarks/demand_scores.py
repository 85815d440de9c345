"""Scores of the demand benchmark: ours and the peers' on the same rows, by segment, without each member.

In:   the backtest frame of one set (training.backtest) with columns `peer.NAME` and `peer.NAME.qXX`
      beside ours, all in units.
Out:  rows for JSON: fractions, except MASE and RMSSE; pinball over 5 to 95 %, a fraction of mean units.

`blends` repeats the stack from what members said in the rehearsals: nothing is fitted again, so the
model without one member costs seconds. Its levels reach 2.5 and 97.5 %, which give the 95 % band.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.demand_peers import quantile_name
from features.panel import Panel
from models.demand.blend import Blend
from models.demand.forecast import LEVELS
from models.metrics import bands, covered, mean_pinball, score_frame
from training.bootstrap import wape_gap
from training.rehearsal import Rehearsals

WIDE = (0.025, *LEVELS, 0.975)
KEYS = ["unique_id", "ds", "cutoff"]
_INNER = [quantile_name(level) for level in LEVELS]
_OUTER = [quantile_name(0.025), quantile_name(0.975)]
_JUDGED = (0.8, 0.9, 0.95)  # bands
_LEAST = 200  # truths in a segment to judge its bands
Frame = pd.DataFrame
Row = dict[str, Any]


def blends(past: Rehearsals, ends: list[int], *, without: str | None = None, **parts: Any) -> Frame:
    """What the model of each cutoff says, or would say without a member or with another stack or spread.

    Keys, `mean`, q02.5 to q97.5.
    """
    frames = []
    for t in ends:
        told, replay = past.kept[t], past.replay(t)
        names = tuple(name for name in replay.names if name != without)
        layers = told.layers[..., [replay.names.index(name) for name in names]]
        blend = Blend.learn(told.panel, replay.only(names), WIDE, **parts)
        mean, bands, _ = blend.answer(told.panel, layers)
        said = {"mean": mean} | {quantile_name(p): bands[..., k] for k, p in enumerate(WIDE)}
        frames.append(long(told.panel, said))
    return pd.concat(frames, ignore_index=True)


def long(panel: Panel, layers: dict[str, Any]) -> Frame:
    """Layers [n, h] as rows with their keys."""
    horizon = next(iter(layers.values())).shape[1]
    keys = {"unique_id": np.repeat(panel.ids, horizon), "ds": np.tile(panel.ahead(horizon), panel.n)}
    return Frame({**keys, "cutoff": panel.cutoff, **{k: v.ravel() for k, v in layers.items()}})


def score(frame: Frame, column: str, *, sums: int, prefix: str = "") -> Row:
    """Every metric of one method whose bands are `prefix` + q05 ..., if it has any."""
    bands = {prefix + q: q for q in (*_INNER, *_OUTER) if prefix + q in frame}
    base = [*KEYS, "y", "scale_mase", "scale_rmsse"]
    own = frame[base].assign(mean=frame[column], **{q: frame[name] for name, q in bands.items()})
    if bands and "q50" not in own:  # a peer's bands lie around its point forecast
        own = own.assign(q50=own["mean"])
    row = dict(score_frame(own, ["mean"], aggregate=sums).iloc[0])
    row = {k: v for k, v in row.items() if k not in ("method", "pinball") and "coverage" not in k}
    return _clean(row | (_bands(own) if bands else {}))


def _bands(own: Frame) -> Row:
    """Pinball and coverage of 80, 90 and 95 %, on rows that have the band."""
    levels = dict(zip(_INNER, LEVELS, strict=True))
    row: Row = {
        "pinball": mean_pinball(own["y"].to_numpy(), own[list(levels)].to_numpy(), list(levels.values()))
    }
    for nominal, (low, _) in bands(own).items():
        if nominal in _JUDGED:
            row[f"coverage_{nominal * 100:.0f}"] = covered(own[own[low].notna()])[nominal]
    return row


def gaps(frame: Frame, columns: dict[str, str]) -> dict[str, Row]:
    """WAPE of the stack less that of each other method, with its 95 % interval over series."""
    found = {name: wape_gap(frame, "mean", column, seed=0) for name, column in columns.items()}
    return {name: _clean({**asdict(gap), "difference": gap.difference}) for name, gap in found.items()}


def segments(frame: Frame, segment: "pd.Series[str]") -> list[Row]:
    """Each volume class x intermittency x step with enough truths: its bands, WAPE and bias."""
    step = frame.groupby("cutoff")["ds"].rank(method="dense").astype(int)
    rows = []
    for (name, ahead), part in frame.groupby([segment.rename("segment"), step.rename("step")]):
        if len(part) >= _LEAST:
            error = part["mean"] - part["y"]
            row = {"segment": name, "step": int(ahead), "n": len(part)} | _bands(part)
            units = part["y"].sum() or np.nan
            rows.append(_clean(row | {"wape": error.abs().sum() / units, "bias": error.sum() / units}))
    return rows


def ablation(past: Rehearsals, ends: list[int], frame: Frame, *, sums: int) -> list[Row]:
    """The whole stack, then without each member: what it scores and what it loses."""
    names = past.replay(ends[0]).names
    without = names if len(names) > 1 else ()
    said = {name: blends(past, ends, without=name) for name in without}
    return losses({"none": blends(past, ends)} | said, frame, sums=sums)


def losses(said: dict[str, Frame], frame: Frame, *, sums: int) -> list[Row]:
    """What blends (the first of them whole) score on the frame's rows, and what each loses."""
    base = frame[[*KEYS, "y", "scale_mase", "scale_rmsse"]]
    rows = [
        {"without": name} | score(base.merge(told, on=KEYS), "mean", sums=sums) for name, told in said.items()
    ]
    whole = rows[0]
    for row in rows:
        row["wape_lost"], row["agg_lost"] = row["wape"] - whole["wape"], row["agg_wape"] - whole["agg_wape"]
        row["pinball_lost"] = row["pinball"] - whole["pinball"]
    return [_clean(row) for row in rows]


def _clean(row: Row) -> Row:
    """Numbers that JSON can hold, to four places."""
    out: Row = {}
    for key, value in row.items():
        if isinstance(value, (float, np.floating)):
            out[key] = round(float(value), 4) if np.isfinite(value) else None
        else:
            out[key] = int(value) if isinstance(value, np.integer) else value
    return out
