"""Admission: may a version of a scoring room answer?

The first model of a room has to be calibrated in each task of its evidence; in no task may a simple
thing beside it rank surely better, and in one the model has to rank surely better than all of them
(95 % of paired bootstrap draws of whole subjects). A challenger is compared with the champion on the
rows that both evidences share (task, subject, cutoff): in no task may its log loss be surely worse,
in one it has to be surely better.

A task of losses (training.losses: what decisions would have cost) is judged by them instead: surely no
higher than those of any simple rule, surely lower than all in one task; it has nothing to calibrate.

A task with fewer than `Rules.least` outcomes of either kind is not judged, and a version without
any judged task is not released but by force.

>>> rng = np.random.default_rng(0)
>>> truth = rng.uniform(0.05, 0.6, 800)
>>> evidence = pd.DataFrame({"task": "late", "subject": np.arange(800).astype(str),
...     "cutoff": pd.Timestamp("2024-01-01"), "y": (rng.random(800) < truth).astype(float),
...     "probability": truth, "baseline_rate": rng.random(800)})
>>> admit_scores(evidence).passes
True
>>> admit_scores(evidence.assign(probability=truth**3)).covers
False
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models import scoring
from training import losses
from training.bootstrap import RESAMPLES
from training.trust import MODEL, methods
from training.verdict import Verdict

KEYS = ["task", "subject", "cutoff"]
_SURE = (0.025, 0.975)
_LEAST_PROBABILITY = 1e-6
_AUC_DRAWS = 200
_ECE_DRAWS = 100
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreRules:
    """What a release of a scoring room must keep."""

    most_ece: float = 0.05
    least: int = 20  # outcomes of either kind, or a task is not judged
    resamples: int = RESAMPLES


def admit_scores(evidence: pd.DataFrame, *, rules: ScoreRules | None = None) -> Verdict:
    """A room's first model, against the simple things in its own evidence."""
    rules = rules or ScoreRules()
    judged = _judged_tasks(evidence, rules)
    ranks = [_rank(evidence[evidence["task"] == task], rules) for task in judged]
    covers, told = _calibrated(evidence, judged, rules)
    costs = losses.against(evidence, seed=0, resamples=rules.resamples)
    if not judged and not costs:
        told = [_nothing_to_judge(rules)]
    standings: list[_Rank | losses.Standing] = [*ranks, *costs]
    ranked = [f"{task}: {rank.said}" for task, rank in zip(judged, ranks, strict=True)]
    return Verdict(
        better=any(one.better for one in standings) and not any(one.worse for one in standings),
        covers=bool(judged or costs) and covers,
        reasons=(*ranked, *(cost.said for cost in costs), *told),
        numbers={f"{task}.auc": rank.auc for task, rank in zip(judged, ranks, strict=True)}
        | {f"{cost.task}.loss": cost.loss for cost in costs},
    )


def compare_scores(
    champion: pd.DataFrame, challenger: pd.DataFrame, *, seed: int, rules: ScoreRules | None = None
) -> Verdict:
    """The challenger against the champion, on the rows that both evidences share."""
    rules = rules or ScoreRules()
    shared = [*KEYS, *(name for name in ("probability", "loss") if name in champion)]
    both = challenger.merge(champion[shared], on=KEYS, suffixes=("", "_champion"), validate="one_to_one")
    judged = _judged_tasks(both, rules)
    sure_better, sure_worse = False, False
    reasons: list[str] = []
    numbers: dict[str, float] = {}
    for task in judged:
        part = both[both["task"] == task]
        ours, theirs = (_loss(part["y"], part[c]) for c in ("probability", "probability_champion"))
        low, high = _interval(ours - theirs, part["subject"], seed, rules.resamples)
        sure_better |= high < 0
        sure_worse |= low > 0
        numbers |= {f"{task}.log_loss": float(ours.mean()), f"{task}.log_loss_champion": float(theirs.mean())}
        reasons.append(f"{task}: {_gap_sentence(float(ours.mean()), float(theirs.mean()), low, high)}")
    for cost in losses.against(both, {"champion": "loss_champion"}, seed=seed, resamples=rules.resamples):
        sure_better, sure_worse = sure_better or cost.better, sure_worse or cost.worse
        numbers[f"{cost.task}.loss"] = cost.loss
        reasons.append(cost.said)
    calibrated, told = _calibrated(challenger, judged, rules)
    if not reasons:
        told = ["The two evidences share too little to compare: train both on the same data."]
    return Verdict(
        better=sure_better and not sure_worse,
        covers=calibrated and bool(reasons),
        reasons=(*reasons, *told),
        numbers=numbers,
    )


@dataclass(frozen=True, kw_only=True)
class _Rank:
    """How the model ranks beside the simple things of one task."""

    auc: float
    better: bool  # surely, than all of them
    worse: bool  # surely, than one of them
    said: str


def _rank(part: pd.DataFrame, rules: ScoreRules) -> _Rank:
    part = part[part["y"].notna()]
    rivals = {m: column for m, column in methods(part).items() if m != MODEL and part[column].notna().any()}
    ours = scoring.auc(part["y"], part["probability"])
    gaps = {m: _auc_interval(part, column, rules.resamples) for m, column in rivals.items()}
    shown = ", ".join(f"{m} {scoring.auc(part['y'], part[c]):.3f}" for m, c in rivals.items())
    ahead = [m for m, (low, high) in gaps.items() if high < 0]
    return _Rank(
        auc=ours,
        better=all(low > 0 for low, _ in gaps.values()),
        worse=bool(ahead),
        said=f"AUC {ours:.3f} (beside it: {shown or 'nothing'}): {_standing(gaps, ahead)}.",
    )


def _standing(gaps: Mapping[str, tuple[float, float]], ahead: list[str]) -> str:
    if ahead:
        return f"surely behind {', '.join(ahead)}"
    near = [method for method, (low, _) in gaps.items() if low <= 0]
    return f"not surely better than {', '.join(near)}" if near else "surely better"


def _auc_interval(part: pd.DataFrame, column: str, resamples: int) -> tuple[float, float]:
    """95 % interval of the model's AUC less that of a simple thing, whole subjects drawn."""
    y, p, s = (part[name].fillna(part[name].min()).to_numpy(float) for name in ("y", "probability", column))
    codes = pd.factorize(part["subject"])[0]
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    rng, gaps = np.random.default_rng(0), []
    for _ in range(min(resamples, _AUC_DRAWS)):
        drawn = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        gaps.append(scoring.auc(y[drawn], p[drawn]) - scoring.auc(y[drawn], s[drawn]))
    low, high = np.nanquantile(gaps, _SURE)
    return float(low), float(high)


def _gap_sentence(ours: float, theirs: float, low: float, high: float) -> str:
    word = "better" if high < 0 else "worse" if low > 0 else "not surely different"
    return (
        f"log loss {ours:.4f} against {theirs:.4f} of the champion, "
        f"difference {low:+.4f} to {high:+.4f} (95 %): {word}."
    )


def _judged_tasks(evidence: pd.DataFrame, rules: ScoreRules) -> list[str]:
    if "y" not in evidence:  # all of it is losses
        return []
    known = evidence[evidence["y"].notna()]
    ones = known.groupby("task")["y"].sum()
    zeros = known.groupby("task")["y"].count() - ones
    return sorted(map(str, ones.index[(ones >= rules.least) & (zeros >= rules.least)]))


def _calibrated(evidence: pd.DataFrame, judged: list[str], rules: ScoreRules) -> tuple[bool, list[str]]:
    """Whether ECE is within what is allowed; a small sample has an ECE by chance alone."""
    fine, told = True, []
    for task in judged:
        part = evidence[(evidence["task"] == task) & evidence["y"].notna()]
        error, allowed = scoring.ece(part["y"], part["probability"]), _allowed_ece(part, rules)
        fine &= bool(error <= allowed)
        word = "" if error <= allowed else ", too far off"
        told.append(f"{task}: calibration error {error:.3f}, allowed {allowed:.3f}{word}.")
    return fine, told


def _allowed_ece(part: pd.DataFrame, rules: ScoreRules) -> float:
    """The rule, or what a perfectly calibrated score of as many rows stays under in 99 of 100 samples."""
    p = part["probability"].to_numpy(float)
    rng = np.random.default_rng(0)
    drawn = [scoring.ece((rng.random(len(p)) < p).astype(float), p) for _ in range(_ECE_DRAWS)]
    return max(rules.most_ece, float(np.quantile(drawn, 0.99)))


def _loss(y: "pd.Series[float]", p: "pd.Series[float]") -> Array:
    sure = np.clip(p.to_numpy(float), _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(np.where(y.to_numpy(float) == 1, -np.log(sure), -np.log1p(-sure)), dtype=np.float64)


def _interval(gap: Array, subject: "pd.Series[str]", seed: int, resamples: int) -> tuple[float, float]:
    """95 % interval of the mean gap, whole subjects drawn with replacement."""
    codes = pd.factorize(subject)[0]
    sums, counts = np.bincount(codes, gap), np.bincount(codes).astype(float)
    rng, n = np.random.default_rng(seed), len(counts)
    draws = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(resamples)]
    means = [float(d @ sums) / float(d @ counts) for d in draws]
    low, high = np.quantile(means, _SURE)
    return float(low), float(high)


def _nothing_to_judge(rules: ScoreRules) -> str:
    return (
        f"No task has {rules.least} outcomes of either kind, so nothing can be judged. "
        "Load a longer history, or take the decision yourself with --force."
    )
