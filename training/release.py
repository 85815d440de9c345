"""Release: the gate between a model that was trained and the model that answers.

A challenger becomes champion when, on the rows that both backtests share, its WAPE is lower and
stays lower in 95 % of paired bootstrap draws of whole series, and when its intervals cover: the
80 % band (q10..q90) and the 90 % band (q05..q95) hold a share of truths inside `Rules`; one that begins
at zero ends sooner (`models.metrics.band`). Where there is no champion yet, it must cover and beat every
planner's method in its own backtest.

A room that scores (card: `kind` is "scores") is judged by training.admission instead.

A version's card says where its backtest frame is (`backtest`: an artifact of its run) and which
columns are planners' methods (`planners`). Every decision, also a refusal, is one line appended to
`<root>/mlruns/releases.jsonl`, written before the alias moves: a line can be without its act (the
alias shows it), an act is never without its line. A file and not an MLflow tag, because a tag can
be overwritten and a line that was appended stays.

Errors: NoBacktest, DifferentBacktests (both ReleaseError), models.registry.RegistryError.
Limits: with a shared store, each machine keeps the lines of its own decisions.

>>> days = pd.to_datetime(["2024-02-01"] * 30)
>>> one = pd.DataFrame({"unique_id": [f"D{i}" for i in range(30)], "ds": days, "cutoff": days[0],
...     "y": np.arange(30.0) + 50, "mean": np.arange(30.0) + 55})
>>> bands = {"q05": 51.0, "q10": 52.0, "q90": 77.0, "q95": 78.0}
>>> two = one.assign(mean=one["y"] + 2, **bands)
>>> verdict = compare(one.assign(**bands), two, seed=0)
>>> verdict.better, verdict.covers
(True, True)
>>> verdict.reasons[0]
'WAPE 3.1 % against 7.8 % of the champion: difference between -4.9 and -4.4 points (95 %), so better.'
"""

import getpass
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from features.errors import ChannelError
from models import metrics
from models.registry import CHAMPION, NoChampion, Registry, RegistryError, Version
from training.admission import admit_scores, compare_scores
from training.bootstrap import RESAMPLES, Gap, wape_gap
from training.verdict import Verdict

KEYS = ["unique_id", "ds", "cutoff"]
SCORES = "scores"  # card["kind"] of a room that scores; its backtest is the evidence of training.fitted
_SHARED_AT_LEAST = 0.5  # of the rows of each backtest; less would judge another question
_SEED = 0


class ReleaseError(ChannelError):
    """A release could not be decided."""


class NoBacktest(ReleaseError):
    def __init__(self, room: str, version: str) -> None:
        super().__init__(
            f"Version {version} of {room!r} has no backtest to judge it by. Train it again with "
            f"`qudao train {room}`, or take the decision yourself with --force."
        )


class DifferentBacktests(ReleaseError):
    def __init__(self, shared: int, champion: pd.DataFrame, challenger: pd.DataFrame) -> None:
        super().__init__(
            f"The backtests share {shared} rows; the champion's has {len(champion)} ({_span(champion)}), "
            f"the challenger's {len(challenger)} ({_span(challenger)}), and at least half of each is "
            "needed. Backtest both on the same cutoffs, or take the decision yourself with --force."
        )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a release must keep; shares of truths inside a band, lowest and highest allowed."""

    coverage_80: tuple[float, float] = (0.72, 0.88)
    coverage_90: tuple[float, float] = (0.84, 0.96)
    resamples: int = RESAMPLES


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What became of one version at the gate.

    >>> print(Decision(room="demand", version="2", released=True, champion_before="1", reasons=("Better.",)))
    Version 2 of demand answers from now on (until now: 1).
      Better.
    """

    room: str
    version: str
    released: bool
    champion_before: str | None
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        before = self.champion_before or "none"
        now = (
            f"answers from now on (until now: {before})"
            if self.released
            else f"is not released ({before} answers)"
        )
        lines = [f"Version {self.version} of {self.room} {now}.", *self.reasons]
        if not self.released and self.version != self.champion_before:
            lines.append("To release it all the same, take the decision yourself with --force.")
        return "\n  ".join(lines)


def compare(
    champion: pd.DataFrame, challenger: pd.DataFrame, *, seed: int, rules: Rules | None = None
) -> Verdict:
    """The challenger against the champion, on the rows that both backtests share."""
    rules = rules or Rules()
    both = _shared(champion, challenger)
    gap = wape_gap(both, "mean", "mean_champion", seed=seed, resamples=rules.resamples)
    covers, numbers, reasons = _coverage(challenger, rules)
    numbers |= {"wape": gap.ours, "wape_champion": gap.theirs, "low": gap.low, "high": gap.high}
    numbers |= {"pinball": _pinball(both, ""), "pinball_champion": _pinball(both, "_champion")}
    return Verdict(
        better=gap.high < 0,
        covers=covers,
        reasons=(_gap_sentence(gap), *_pinball_sentence(numbers), *reasons),
        numbers=numbers,
    )


def admit(frame: pd.DataFrame, planners: list[str], *, rules: Rules | None = None) -> Verdict:
    """A room's first model: against every planner's method in its own backtest."""
    covers, numbers, reasons = _coverage(frame, rules or Rules())
    scores = metrics.score_frame(frame, ["mean", *planners]).set_index("method")["wape"]
    ours = float(scores["mean"])
    beaten_by = [name for name in planners if not ours < scores[name]]
    said = [f"WAPE {_percent(ours)}; " + ", ".join(f"{p} {_percent(scores[p])}" for p in planners) + "."]
    if beaten_by:
        said.append(f"Not better than {', '.join(beaten_by)}.")
    return Verdict(
        better=not beaten_by and np.isfinite(ours),
        covers=covers,
        reasons=(*said, *reasons),
        numbers=numbers | {"wape": ours},
    )


def release(
    room: str,
    registry: Registry,
    *,
    version: str | None = None,
    force: bool = False,
    rules: Rules | None = None,
) -> Decision:
    """Judge a version (the newest unless named) and promote it when it passes, or when forced."""
    challenger = registry.version(room, version or _newest(room, registry))
    champion = _champion(room, registry)
    if champion and champion.version == challenger.version:
        return _decided(room, challenger, champion, released=False, reasons=("It is the champion already.",))
    registry.load(room, challenger.version)  # what cannot be read cannot answer
    try:
        verdict = _judge(room, registry, champion, challenger, rules)
    except (ReleaseError, RegistryError) as error:
        if not force:
            raise
        verdict = Verdict(better=False, covers=False, reasons=(str(error),))
    released = verdict.passes or force
    forced = ("Released by force.",) if force and not verdict.passes else ()
    decision = _decided(room, challenger, champion, released=released, reasons=verdict.reasons + forced)
    _write_down(registry, "release" if released else "refuse", decision, verdict.numbers)
    if released:
        registry.promote(room, challenger.version)
    return decision


def rollback(room: str, registry: Registry) -> Decision:
    """Give the room back to the champion before; its forecasts are the same to the last byte."""
    before, target = registry.champion(room), registry.previous(room)
    decision = Decision(
        room=room,
        version=target or before,
        released=target is not None,
        champion_before=before,
        reasons=(f"Rolled back from version {before}.",) if target else ("Nothing to go back to.",),
    )
    _write_down(registry, "rollback" if target else "refuse", decision, {})
    registry.rollback(room)  # raises NothingBefore, with the next step
    return decision


def _judge(
    room: str, registry: Registry, champion: Version | None, challenger: Version, rules: Rules | None
) -> Verdict:
    frame = _backtest(room, registry, challenger)
    if registry.card(challenger).get("kind") == SCORES:
        if champion is None:
            return admit_scores(frame)
        return compare_scores(_backtest(room, registry, champion), frame, seed=_SEED)
    if champion is None:
        planners = [p for p in registry.card(challenger).get("planners", ()) if p in frame]
        return admit(frame, planners, rules=rules)
    return compare(_backtest(room, registry, champion), frame, seed=_SEED, rules=rules)


def _newest(room: str, registry: Registry) -> str:
    if not (versions := registry.versions(room)):
        raise RegistryError(f"The room {room!r} has no version yet: train it with `qudao train {room}`.")
    return versions[0].version


def _champion(room: str, registry: Registry) -> Version | None:
    try:
        return registry.version(room, CHAMPION)
    except NoChampion:
        return None


def _backtest(room: str, registry: Registry, version: Version) -> pd.DataFrame:
    if not (path := registry.card(version).get("backtest")):
        raise NoBacktest(room, version.version)
    return pd.read_parquet(registry.artifact(version.run_id, path))


def _shared(champion: pd.DataFrame, challenger: pd.DataFrame) -> pd.DataFrame:
    """Challenger's rows with the champion's forecasts beside them (`_champion`)."""
    theirs = champion[[*KEYS, "mean", *metrics.quantile_levels(champion)]]
    both = challenger.merge(theirs, on=KEYS, suffixes=("", "_champion"), validate="one_to_one")
    if len(both) < _SHARED_AT_LEAST * max(len(champion), len(challenger)) or both.empty:
        raise DifferentBacktests(len(both), champion, challenger)
    return both


def _coverage(frame: pd.DataFrame, rules: Rules) -> tuple[bool, dict[str, float], list[str]]:
    held = metrics.covered(frame)
    covers, numbers, reasons = True, {}, []
    for nominal, (low, high) in {0.8: rules.coverage_80, 0.9: rules.coverage_90}.items():
        if nominal not in held:
            covers, said = False, "is not stated"
        else:
            reached = numbers[f"coverage_{nominal * 100:.0f}"] = held[nominal]
            covers &= bool(low <= reached <= high)
            said = f"holds {_percent(reached)} of truths"
        reasons.append(f"The {nominal:.0%} band {said}; allowed {low:.0%} to {high:.0%}.")
    return covers, numbers, reasons


def _pinball(both: pd.DataFrame, suffix: str) -> float:
    levels = {c: v for c, v in metrics.quantile_levels(both).items() if f"{c}_champion" in both}
    if not levels:
        return np.nan
    q = both[[c + suffix for c in levels]].to_numpy(float)
    return metrics.mean_pinball(both["y"].to_numpy(float), q, list(levels.values()))


def _gap_sentence(gap: Gap) -> str:
    judged = "better" if gap.high < 0 else "worse" if gap.low > 0 else "not surely better"
    return (
        f"WAPE {_percent(gap.ours)} against {_percent(gap.theirs)} of the champion: difference between "
        f"{gap.low * 100:+.1f} and {gap.high * 100:+.1f} points (95 %), so {judged}."
    )


def _pinball_sentence(numbers: dict[str, float]) -> list[str]:
    ours, theirs = numbers["pinball"], numbers["pinball_champion"]
    return [f"Pinball {_percent(ours)} against {_percent(theirs)} of mean demand."] if ours == ours else []


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _span(frame: pd.DataFrame) -> str:
    return f"cutoffs {frame['cutoff'].min():%Y-%m-%d} to {frame['cutoff'].max():%Y-%m-%d}"


def _decided(
    room: str, challenger: Version, champion: Version | None, *, released: bool, reasons: tuple[str, ...]
) -> Decision:
    return Decision(
        room=room,
        version=challenger.version,
        released=released,
        champion_before=champion.version if champion else None,
        reasons=reasons,
    )


def _write_down(registry: Registry, act: str, decision: Decision, numbers: dict[str, float]) -> None:
    line: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": _who(),
        "act": act,
        "room": decision.room,
        "version": decision.version,
        "champion_before": decision.champion_before,
        "reasons": decision.reasons,
        "numbers": {name: value for name, value in numbers.items() if np.isfinite(value)},
    }
    with (registry.folder / "releases.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line, ensure_ascii=False) + "\n")
        log.flush()
        os.fsync(log.fileno())


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
