"""Trust: what the evidence of a scoring room says, task by task and group by group.

In:   evidence, one row a held-out subject and cutoff (training.fitted): task, subject, cutoff, y,
      probability, baseline_<name>, territory_id, tier.
Out:  tables of AUC, Gini, KS, AP, Brier, ECE, log loss and PSI; the same by territory and by tier
      (fairness); reliability.

PSI compares the scores of the last cutoff with those of the earlier ones: above .25 the population
has moved and the model should be looked at; with fewer than `LEAST_PSI` rows on a side it is left
out, being chance. A group is shown with at least `LEAST` rows.

>>> evidence = pd.DataFrame({"task": "late", "subject": list("abcdef"), "cutoff": pd.Timestamp("2024-01-01"),
...     "y": [0, 0, 1, 0, 1, 1], "probability": [0.1, 0.2, 0.7, 0.4, 0.6, 0.9],
...     "baseline_rate": [0.3, 0.2, 0.6, 0.5, 0.4, 0.4], "territory_id": "N", "tier": "A"})
>>> scorecard(evidence)[["method", "n", "auc"]].round(3).to_dict("records")
[{'method': 'model', 'n': 6, 'auc': 1.0}, {'method': 'rate', 'n': 6, 'auc': 0.778}]
"""

from typing import Any

import numpy as np
import pandas as pd

from models import scoring
from training.fitted import EVIDENCE
from training.losses import loss_table

LEAST = 30
LEAST_PSI = 100
MODEL = "model"
GROUPS = ("territory_id", "tier")
_BASELINE = "baseline_"


def methods(evidence: pd.DataFrame) -> dict[str, str]:
    """Method to its column; the model first."""
    names = [str(name) for name in evidence.columns if str(name).startswith(_BASELINE)]
    return {MODEL: "probability"} | {name.removeprefix(_BASELINE): name for name in names}


def scorecard(evidence: pd.DataFrame) -> pd.DataFrame:
    """One row a task and method."""
    rows = []
    for task, part in _judged(evidence).groupby("task", sort=True):
        for method, column in methods(part).items():
            if part[column].notna().any():
                rows.append({"task": task, "method": method, **_numbers(part, column)})
    return pd.DataFrame(rows, columns=["task", "method", "n", "rate", *_MEASURES, "psi"])


def fairness(evidence: pd.DataFrame) -> pd.DataFrame:
    """One row a task, grouping and group: is everybody judged equally well?"""
    rows = []
    for task, part in _judged(evidence).groupby("task", sort=True):
        for by in GROUPS:
            for group, members in part.groupby(by, sort=True):
                if len(members) >= LEAST and str(group):
                    told = _measures(members["y"].to_numpy(), members["probability"].to_numpy())
                    mean = float(members["probability"].mean())
                    rows.append({"task": task, "by": by, "group": group, **told, "probability": mean})
    return pd.DataFrame(rows, columns=["task", "by", "group", "n", "rate", "probability", *_MEASURES])


def reliability(evidence: pd.DataFrame) -> pd.DataFrame:
    """One row a task and bin of the model's probabilities."""
    judged = _judged(evidence).groupby("task", sort=True)
    parts = [scoring.reliability(p["y"], p["probability"]).assign(task=task) for task, p in judged]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def report(evidence: pd.DataFrame) -> dict[str, Any]:
    """All of it, as JSON would hold it."""
    frames = {
        "methods": scorecard(evidence),
        "fairness": fairness(evidence),
        "reliability": reliability(evidence),
        "losses": loss_table(evidence),
    }
    return {name: _plain(frame) for name, frame in frames.items()}


_MEASURES = ("auc", "gini", "ks", "ap", "brier", "ece", "log_loss")


def _judged(evidence: pd.DataFrame) -> pd.DataFrame:
    """Rows whose outcome is known."""
    filled = evidence.reindex(columns=[*dict.fromkeys([*EVIDENCE, *map(str, evidence.columns)])])
    for by in GROUPS:
        filled[by] = filled[by].astype(object).where(filled[by].notna(), "").astype(str)
    return filled[filled["y"].notna()]


def _numbers(part: pd.DataFrame, column: str) -> dict[str, float]:
    told = _measures(part["y"].to_numpy(), part[column].to_numpy())
    last = part["cutoff"] == part["cutoff"].max()
    before, now = part.loc[~last, column], part.loc[last, column]
    enough = min(len(before), len(now)) >= LEAST_PSI
    return told | {"psi": scoring.psi(before, now) if enough else np.nan}


def _measures(y: Any, p: Any) -> dict[str, float]:
    y, p = np.asarray(y, float), np.asarray(p, float)
    inside = bool(((p >= 0) & (p <= 1)).all())  # a baseline may be a plain score
    return {
        "n": len(y),
        "rate": float(y.mean()) if len(y) else np.nan,
        "auc": scoring.auc(y, p),
        "gini": scoring.gini(y, p),
        "ks": scoring.ks(y, p),
        "ap": scoring.average_precision(y, p),
        "brier": scoring.brier(y, p) if inside else np.nan,
        "ece": scoring.ece(y, p) if inside else np.nan,
        "log_loss": scoring.log_loss(y, p) if inside else np.nan,
    }


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rounded = frame.round(4).astype(object)
    rows: Any = rounded.where(rounded.notna(), None).to_dict("records")
    return list(rows)
