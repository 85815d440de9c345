"""Losses: what decisions would have cost on periods that were not seen, beside simple rules.

A room that decides (an order, a price, a currency) is judged by what its decision would have cost, not by
a probability. Such a row of evidence has `loss` in place of `y` and `probability`, in any unit that is the
same within its task, and the loss of each simple rule in `baseline_<name>`. Lower is better.

>>> rng = np.random.default_rng(0)
>>> cost = rng.gamma(2, 5, 400)
>>> evidence = pd.DataFrame({"task": "order_cost", "subject": np.arange(400).astype(str),
...     "cutoff": pd.Timestamp("2024-01-01"), "loss": cost, "baseline_mean_12": cost * 1.2})
>>> loss_table(evidence).round(2)[["method", "mean"]].to_dict("records")
[{'method': 'model', 'mean': 9.51}, {'method': 'mean_12', 'mean': 11.41}]
>>> against(evidence, {"mean_12": "baseline_mean_12"}, seed=0)[0].better
True
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.bootstrap import RESAMPLES

Array = NDArray[np.float64]
MODEL = "model"
LEAST_SUBJECTS = 20
_BASELINE = "baseline_"
_SURE = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the model's losses of one task stand beside others'."""

    task: str
    better: bool  # surely, than all of them
    worse: bool  # surely, than one of them
    said: str
    loss: float


def rows(evidence: pd.DataFrame) -> pd.DataFrame:
    """The rows that are judged by losses."""
    return evidence[evidence["loss"].notna()] if "loss" in evidence else evidence.iloc[:0]


def rivals(part: pd.DataFrame) -> dict[str, str]:
    """Simple rule to its column, those that a task has."""
    names = [str(name) for name in part.columns if str(name).startswith(_BASELINE)]
    return {name.removeprefix(_BASELINE): name for name in names if part[name].notna().any()}


def loss_table(evidence: pd.DataFrame) -> pd.DataFrame:
    """Mean losses, one row a task and method, the model first."""
    told = []
    for task, part in rows(evidence).groupby("task", sort=True):
        for method, column in ({MODEL: "loss"} | rivals(part)).items():
            known = part[column].dropna()
            told.append({"task": task, "method": method, "n": len(known), "mean": float(known.mean())})
    return pd.DataFrame(told, columns=["task", "method", "n", "mean"])


def against(
    evidence: pd.DataFrame, columns: Mapping[str, str] | None = None, *, seed: int, resamples: int = RESAMPLES
) -> list[Standing]:
    """Each task with enough subjects, against its simple rules or the named columns."""
    told = []
    for task, part in rows(evidence).groupby("task", sort=True):
        others = rivals(part) if columns is None else columns
        if part["subject"].nunique() >= LEAST_SUBJECTS and others:
            told.append(_standing(str(task), part, others, seed, resamples))
    return told


def _standing(
    task: str, part: pd.DataFrame, others: Mapping[str, str], seed: int, resamples: int
) -> Standing:
    gaps = {name: _interval(part, column, seed, resamples) for name, column in others.items()}
    shown = ", ".join(f"{name} {part[column].mean():.4g}" for name, column in others.items())
    ahead = [name for name, (low, _) in gaps.items() if low > 0]
    near = [name for name, (_, high) in gaps.items() if high >= 0 and name not in ahead]
    word = f"surely behind {', '.join(ahead)}" if ahead else "surely better"
    word = f"not surely better than {', '.join(near)}" if near and not ahead else word
    return Standing(
        task=task,
        better=all(high < 0 for _, high in gaps.values()),
        worse=bool(ahead),
        said=f"{task}: mean loss {part['loss'].mean():.4g} (beside it: {shown}): {word}.",
        loss=float(part["loss"].mean()),
    )


def _interval(part: pd.DataFrame, column: str, seed: int, resamples: int) -> tuple[float, float]:
    """95 % interval of the model's mean loss less the other's, whole subjects drawn with replacement."""
    known = part[part[column].notna()]
    codes = pd.factorize(known["subject"])[0]
    sums = np.bincount(codes, (known["loss"] - known[column]).to_numpy(float))
    counts = np.bincount(codes).astype(float)
    rng, n = np.random.default_rng(seed), len(counts)
    drawn = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(resamples)]
    low, high = np.quantile([float(d @ sums) / float(d @ counts) for d in drawn], _SURE)
    return float(low), float(high)
