"""GrowthModel: which tier a dealer belongs to, where it is heading, and what would help.

In:   canonical tables with their history and a moment; `others`: "health", "credit", "alerts", "forecast".
Out:  "dealers", one row a dealer: dealer_id, territory_id, recorded_tier, tier, score (points, 0-100),
      probability (of leaving within six months), reasons, size, ability, years (0-100 each), next_tier,
      distance_points, distance_amount (more yearly sales that would close it), promotion_blocked, support,
      exit_* (models.growth.exits), note;
      "moves", one row a dealer: dealer_id, tier, score, probability (of going down within six months),
      up_3m, up_6m, down_3m, down_6m, reasons.

A dealer whose tier the replay would raise above the recorded one stays while any of these holds, and
`promotion_blocked` names them: ALERT_CRITICAL (a critical alert that was confirmed), HEALTH_LOW (score
below `HEALTH_LEAST`), CREDIT_CLASS_5, LICENCE (expired or missing). Without those frames or tables nothing
is blocked, and the note says which were absent.

Errors: features.standing.NoSales, models.errors.NotFitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import Industry
from features.known import Tables
from features.licences import lapsed, licence_status
from features.sheets import naive
from features.standing import Books
from models.errors import NotFitted
from models.growth.exits import exits
from models.growth.moving import COLUMNS, WORDINGS, Moving, even, past_rows, rows_at
from models.growth.paths import WEIGHTS, Paths, paths, size_scale
from models.growth.support import CATALOGUE, Action, best_actions
from models.growth.tiers import cuts_of, replay
from models.reasons import top_reasons

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Others = Mapping[str, pd.DataFrame]

SHARES = (0.15, 0.3, 0.35, 0.2)  # of dealers in each tier at fit, the highest first
HEALTH_LEAST = 40.0
GONE_MONTHS, GONE_PROBABILITY = 6, 0.95  # so long without an order: the dealer has left
GOOD = 0.75  # quantile that counts as good practice
_PARTS = ("size", "punctuality", "coverage", "regularity")
_ROOMS = ("health", "credit", "alerts", "forecast")
_LAPSED = ("expired", "missing")


@dataclass
class GrowthModel:
    """Cuts, scale, and beliefs in movement; learned at one moment."""

    industry: Industry = field(default_factory=Industry)
    band: float = 3.0  # points around a cut
    confirm: int = 3  # months in a row
    catalogue: tuple[Action, ...] = CATALOGUE
    seed: int = 0
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)  # nothing known later was seen
    scale_: tuple[float, float] = field(default=(0.0, 1.0), init=False)
    cuts_: Array = field(default_factory=lambda: np.empty(0), init=False)
    good_: Any = field(default=None, init=False)  # part -> good practice
    moving_: Moving = field(default_factory=Moving, init=False)

    def prepare(self, books: Books, moment: pd.Timestamp) -> tuple[Paths, Ints]:
        """Set the scale and the cuts on a portfolio, and replay its tiers."""
        self.cutoff_ = naive(moment)
        self.scale_ = size_scale(books.at(moment))
        seen = paths(books, moment, self.industry, self.scale_)
        self.cuts_ = cuts_of(seen.points[:, -1], _shares(len(self.industry.tiers.names)))
        parts = pd.DataFrame({name: seen.parts[name][:, -1] for name in _PARTS})
        self.good_ = parts.quantile(GOOD).fillna(0.0)
        for name in ("stock", "growth"):
            self.good_[name] = 75.0  # of the health room's dimensions
        return seen, self.tiers(seen)

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn movement from the rows of past months."""
        self.moving_ = Moving(seed=self.seed).fit(rows)
        return self

    def rows(self, seen: Paths, tiers: Ints) -> pd.DataFrame:
        """Past months of every dealer with what followed."""
        return past_rows(seen, tiers, self.cuts_)

    def tiers(self, seen: Paths) -> Ints:
        """Tier numbers, month by month, [d, t]."""
        enough = seen.parts["years"] >= 50.0  # half of the scale is what the industry asks
        return replay(seen.points, self.cuts_, band=self.band, confirm=self.confirm, may_top=enough)

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Others | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every dealer that was known at the moment."""
        if not hasattr(self, "cutoff_") or not self.moving_.beliefs_:
            raise NotFitted(self)
        moment, books, others = naive(as_of), Books.of(tables), others or {}
        seen = paths(books, moment, self.industry, self.scale_)
        held = self.tiers(seen)[:, -1]
        now = rows_at(seen, self.tiers(seen), self.cuts_, seen.points.shape[1] - 1)
        status = licence_status(tables, moment, self.industry)
        dealers = self._dealers(seen, held, now, others, status)
        dealers = dealers.join(exits(books, moment, self.industry).add_prefix("exit_"))
        moves = self._moves(dealers, now)
        return {
            "dealers": dealers.rename_axis("dealer_id").reset_index(),
            "moves": moves.rename_axis("dealer_id").reset_index(),
        }

    def _dealers(
        self, seen: Paths, held: Ints, now: pd.DataFrame, others: Others, status: pd.DataFrame
    ) -> pd.DataFrame:
        named, told = seen.standing.dealers, self.moving_.predict(now)
        recorded = self._numbers(named["tier"])
        blocked = _blocked(named.index, others, status)
        rising = (recorded >= 0) & (held > recorded)
        final = np.where(rising & (blocked != "").to_numpy(), recorded, held)
        frame = named[["territory_id"]].assign(recorded_tier=named["tier"], tier=self._names(final))
        frame["score"] = np.nan_to_num(seen.points[:, -1])
        gone = (now["silence_months"] >= GONE_MONTHS).to_numpy()
        frame["probability"] = np.select([held < 0, gone], [0.5, GONE_PROBABILITY], told["left"])
        frame["reasons"] = pd.Series(self._reasons(now), index=frame.index)
        for part in WEIGHTS:
            frame[part] = seen.parts[part][:, -1].round(1)
        frame = frame.join(self._distance(seen, final))
        frame["promotion_blocked"] = blocked.where(rising, "")
        frame["support"] = pd.Series(self._support(seen, others), index=frame.index)
        absent = [f"no_{room}" for room in _ROOMS if len(others.get(room, ())) == 0]
        absent += ["no_licences"] if self.industry.licences and status.empty else []
        frame["note"] = [
            ", ".join([*_noted(h, s, g), *absent])
            for h, s, g in zip(held, seen.started.sum(axis=1), gone.tolist(), strict=True)
        ]
        return frame

    def _moves(self, dealers: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
        told = self.moving_.predict(now)
        frame = dealers[["tier", "score"]].assign(probability=told["down"])
        for way in ("up", "down"):
            p = told[way].to_numpy(float)
            frame[f"{way}_3m"], frame[f"{way}_6m"] = even(p), p
        belief = self.moving_.beliefs_["down"]
        reasons = top_reasons(belief.contributions(now), list(COLUMNS), WORDINGS)
        return frame.assign(reasons=pd.Series(reasons, index=frame.index))

    def _distance(self, seen: Paths, held: Ints) -> pd.DataFrame:
        """How far the next tier is, in points and in yearly sales."""
        place = np.maximum(held, 0)
        entry = np.append(self.cuts_ + self.band, np.nan)[place]
        points = np.maximum(entry - np.nan_to_num(seen.points[:, -1]), 0.0)
        sales, (low, high) = seen.sales[:, -1], self.scale_
        logs = np.clip(np.log1p(sales), low, high) + points / 100 / WEIGHTS["size"] * (high - low)
        amount = np.where(logs <= high, np.maximum(np.expm1(logs) - sales, 0.0), np.nan)
        above = [names_above(self.industry.tiers.names, int(h)) for h in held]
        columns = {"next_tier": above, "distance_points": points, "distance_amount": amount}
        return pd.DataFrame(columns, index=seen.standing.dealer_ids)

    def _support(self, seen: Paths, others: Others) -> list[Any]:
        parts = pd.DataFrame(
            {name: seen.parts[name][:, -1] for name in _PARTS}, index=seen.standing.dealer_ids
        )
        health = others.get("health")
        if health is not None and len(health):
            told = health.set_index("dealer_id").reindex(parts.index)
            for name in ("stock", "growth"):
                parts[name] = told[name]
        return best_actions(parts, self.good_, self.catalogue)

    def _reasons(self, now: pd.DataFrame) -> list[Any]:
        belief = self.moving_.beliefs_["left"]
        return top_reasons(belief.contributions(now), list(COLUMNS), WORDINGS)

    def _names(self, numbers: Ints) -> list[str]:
        names = (*self.industry.tiers.names[::-1], "")  # -1: no purchase yet
        return [names[number] for number in numbers]

    def _numbers(self, names: "pd.Series[str]") -> Ints:
        """Tier numbers of recorded names; -1 for one that the industry does not know."""
        order = {name: i for i, name in enumerate(self.industry.tiers.names[::-1])}
        return np.asarray(names.map(order).fillna(-1), dtype=np.int64)


def _noted(held: int, months: int, is_gone: bool) -> list[str]:
    """What to know of one dealer's history."""
    if held < 0:
        return ["no_sales"]
    return ["gone"] if is_gone else ["short_history"] if months < GONE_MONTHS else []


def names_above(names: tuple[str, ...], held: int) -> str:
    """The tier above, "" for the highest.

    >>> names_above(("A", "B", "C"), 0), names_above(("A", "B", "C"), 2)
    ('B', '')
    """
    rising = names[::-1]
    return rising[held + 1] if held + 1 < len(rising) else ""


def _shares(k: int) -> list[float]:
    """Shares of k tiers, the highest first."""
    shares = [*SHARES[: k - 1], *([SHARES[-1]] * max(k - len(SHARES), 0))][: k - 1]
    total = sum(shares)
    return [*(s if total < 1 else s / (total + 0.2) for s in shares), max(1 - total, 0.2)]


def _blocked(ids: "pd.Index[Any]", others: Others, status: pd.DataFrame) -> "pd.Series[str]":
    """What stands in the way of a promotion, codes joined by ", "; "" for nothing."""
    found = {
        "ALERT_CRITICAL": _alerted(others.get("alerts")),
        "HEALTH_LOW": _where(others.get("health"), "score", lambda v: v < HEALTH_LEAST),
        "CREDIT_CLASS_5": _where(others.get("credit"), "credit_class", lambda v: v >= 5),
        "LICENCE": _unlicensed(status),
    }
    codes = [[code for code, names in found.items() if name in names] for name in ids]
    return pd.Series([", ".join(one) for one in codes], index=ids, dtype=object)


def _alerted(alerts: pd.DataFrame | None) -> set[str]:
    if alerts is None or alerts.empty or "status" not in alerts:
        return set()
    grave = alerts[(alerts["level"] == "critical") & (alerts["status"] == "confirmed")]
    return set(grave["dealer_id"])


def _where(frame: pd.DataFrame | None, column: str, test: Any) -> set[str]:
    if frame is None or frame.empty or column not in frame:
        return set()
    return set(frame.loc[test(pd.to_numeric(frame[column])), "dealer_id"])


def _unlicensed(status: pd.DataFrame) -> set[str]:
    if status.empty:
        return set()
    worst = lapsed(status)
    return set(worst.index[worst.isin(_LAPSED)])
