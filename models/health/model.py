"""HealthModel: how healthy every dealer is, and what would move it.

In:   canonical tables with their history and a moment; `others["forecast"]` (units by dealer, product
      and month) adds what is expected to the growth dimension.
Out:  "dealers", one row a dealer, and "regions" (models.health.regions):
      dealer_id, territory_id, tier, score, probability, reasons, index, the five dimensions, percentile
      (among dealers of the territory and size class), size_class, score_3m_ago, score_6m_ago, trend,
      moves, sales_12m, attainable, gap, levers, forecast_growth, note.

score = 100 x ((1 - INDEX_SHARE) x (1 - probability) + INDEX_SHARE x index / 100): mostly the chance of
NOT declining, with the dimensions to tell apart dealers of equal chances. Lateness can only lower both.
Earlier scores are the same model's, on what was known three and six months before.

Errors: features.standing.NoSales, models.errors.NotFitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.condition import COLUMNS, condition
from features.industries import Industry
from features.known import Tables
from features.sheets import naive
from features.standing import Books, NoSales, Standing
from models.errors import NotFitted
from models.health.decline import WORDINGS, Decline
from models.health.dimensions import Dimensions
from models.health.moves import best_moves, practice
from models.health.potential import LEVERS, YEAR, Potential
from models.health.regions import regions
from models.health.rows import kinds
from models.reasons import Wording, top_reasons

Array = NDArray[np.float64]

INDEX_SHARE = 0.3
TREND_POINTS = 5.0  # a smaller change in six months is called stable
LEAST_PEERS = 5
SIZES = ("small", "middle", "large")
_NOTED = ("no_stock", "no_sell_out", "no_invoices", "no_outlets", "unconverted_currency")
_KIND = {"young": "short_history", "dormant": "dormant", "never": "no_sales"}
_STATED = {
    "young": Wording("SHORT_HISTORY", "Less than six months of history: the rate of new dealers.", ""),
    "dormant": Wording("DORMANT", "Nothing bought for six months.", ""),
    "never": Wording("NO_SALES", "No purchase on record.", ""),
}


@dataclass
class HealthModel:
    """Belief in decline, scales, frontier; learned at one moment."""

    industry: Industry = field(default_factory=Industry)
    seed: int = 0
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)  # nothing known later was seen
    decline_: Decline = field(default_factory=Decline, init=False)
    dimensions_: Dimensions = field(default_factory=Dimensions, init=False)
    potential_: Potential = field(default_factory=Potential, init=False)
    practice_: pd.DataFrame = field(default_factory=pd.DataFrame, init=False)
    sizes_: list[float] = field(default_factory=list, init=False)  # edges of the classes

    def fit(self, rows: pd.DataFrame, standing: Standing) -> Self:
        """Learn from rows of past cutoffs and from where dealers stand now."""
        now = condition(standing)
        self.cutoff_ = standing.moment
        self.decline_ = Decline(seed=self.seed).fit(rows)
        self.dimensions_ = Dimensions(self.industry).fit(now)
        self.potential_ = Potential().fit(standing)
        self.practice_ = practice(now)
        sizes = now["size_log"].dropna()
        self.sizes_ = [float(sizes.quantile(share)) for share in (1 / 3, 2 / 3)] if len(sizes) else [0.0, 0.0]
        return self

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every dealer that was known at the moment, and every territory."""
        if not hasattr(self, "cutoff_"):
            raise NotFitted(self)
        moment, books = naive(as_of), Books.of(tables)
        standing = books.at(moment)
        growth = forecast_growth((others or {}).get("forecast"), standing)
        dealers = self._dealers(standing, growth).join(self._earlier(books, moment))
        dealers["trend"] = _trend(dealers["score"], dealers["score_6m_ago"], dealers["score_3m_ago"])
        dealers = dealers.rename_axis("dealer_id").reset_index()
        return {"dealers": dealers, "regions": regions(dealers)}

    def _dealers(self, standing: Standing, growth: Array | None) -> pd.DataFrame:
        now, kind = condition(standing), kinds(standing)
        p = self.decline_.predict(now, kind)
        scores = self.dimensions_.scores(now, growth).set_index(standing.dealer_ids)
        potential = self.potential_.predict(standing)
        frame = standing.dealers[["territory_id", "tier"]].assign(
            score=self._combined(p, scores), probability=p
        )
        frame["reasons"] = pd.Series(self._reasons(now, kind), index=frame.index)
        frame = frame.assign(index=self.dimensions_.index(scores)).join(scores.round(1))
        frame["size_class"] = _sized(now["size_log"], self.sizes_)
        frame["percentile"] = _percentile(frame)
        frame["moves"] = pd.Series(self._moves(now, kind, growth), index=frame.index)
        frame["sales_12m"] = np.nansum(standing.layers["sales"][:, -YEAR:], axis=1)
        frame = frame.join(potential[["attainable", "gap"]])
        levers = [_levers(row) for row in potential[list(LEVERS)].to_numpy(float)]
        frame["levers"] = pd.Series(levers, index=frame.index)
        frame["forecast_growth"] = np.nan if growth is None else growth
        frame["note"] = self._notes(kind, standing, growth)
        return frame

    def _combined(self, p: Array, scores: pd.DataFrame) -> Array:
        index = self.dimensions_.index(scores)
        return np.asarray(100 * (1 - INDEX_SHARE) * (1 - p) + INDEX_SHARE * index)

    def _earlier(self, books: Books, moment: pd.Timestamp) -> pd.DataFrame:
        parts = {}
        for months in (3, 6):
            try:
                then = books.at(moment - pd.DateOffset(months=months))
            except NoSales:
                parts[f"score_{months}m_ago"] = pd.Series(dtype=float)
                continue
            seen, kind = condition(then), kinds(then)
            p, scores = self.decline_.predict(seen, kind), self.dimensions_.scores(seen)
            score = pd.Series(self._combined(p, scores), index=then.dealer_ids)
            parts[f"score_{months}m_ago"] = score[kind != "never"]
        return pd.DataFrame(parts)

    def _moves(self, now: pd.DataFrame, kind: NDArray[Any], growth: Array | None) -> list[Any]:
        def scored(changed: pd.DataFrame) -> Array:
            p = self.decline_.predict(changed, kind)
            return self._combined(p, self.dimensions_.scores(changed, growth))

        return best_moves(now, scored, self.practice_, self.industry)

    def _reasons(self, now: pd.DataFrame, kind: NDArray[Any]) -> list[list[dict[str, Any]]]:
        told = top_reasons(self.decline_.contributions(now, kind), COLUMNS, WORDINGS)
        return [
            [{"code": _STATED[k].code, "text": _STATED[k].raises, "effect": 0.0}] if k in _STATED else reasons
            for k, reasons in zip(kind, told, strict=True)
        ]

    def _notes(self, kind: NDArray[Any], standing: Standing, growth: Array | None) -> list[str]:
        common = [note for note in _NOTED if note in standing.notes]
        common += ["no_forecast"] if growth is None else []
        common += ["expert_weights"] if self.decline_.is_expert_ else []
        return [", ".join([*([_KIND[k]] if k in _KIND else []), *common]) for k in kind]


def forecast_growth(forecast: pd.DataFrame | None, standing: Standing) -> Array | None:
    """Log of forecast units a month over those of the same months a year ago, else of the last six, [d]."""
    if forecast is None or forecast.empty:
        return None
    ahead = forecast[forecast["period_start"] > standing.months[-1]]
    months = pd.to_datetime(ahead["period_start"]).dt.to_period("M").unique()
    units = ahead.groupby("dealer_id")["mean"].sum().reindex(standing.dealer_ids).to_numpy(float)
    past = standing.layers["units"]
    before = np.nansum(past[:, -6:], axis=1) / 6 * len(months)
    same = standing.months.to_period("M").isin(months - 12)
    if same.sum() == len(months):
        year_ago = past[:, same]
        before = np.where(np.isfinite(year_ago).all(axis=1), year_ago.sum(axis=1), before)
    known = np.isfinite(units) & (before > 0)
    return np.where(known, np.log((units + 1.0) / np.where(known, before + 1.0, 1.0)), np.nan)


def _sized(size_log: "pd.Series[float]", edges: list[float]) -> NDArray[Any]:
    place = np.searchsorted(edges, size_log.fillna(0.0).to_numpy(float), side="right")
    return np.array(SIZES, dtype=object)[place]


def _percentile(frame: pd.DataFrame) -> Array:
    """Share of peers at or below, 0 to 100; peers of the size class alone where a territory has few."""
    near = frame.groupby(["territory_id", "size_class"])["score"]
    alike = frame.groupby("size_class")["score"]
    rank = near.rank(pct=True).where(near.transform("size") >= LEAST_PEERS, alike.rank(pct=True))
    return np.asarray(rank * 100).round(1)


def _trend(now: "pd.Series[float]", half_year: "pd.Series[float]", quarter: "pd.Series[float]") -> list[str]:
    """improving, stable or worsening, against six months ago, else three; unknown without either."""
    change = now - half_year.fillna(quarter)
    tests = [change.isna(), change > TREND_POINTS, change < -TREND_POINTS]
    return list(np.select([t.to_numpy(bool) for t in tests], ["unknown", "improving", "worsening"], "stable"))


def _levers(amounts: Array) -> dict[str, float]:
    return {name: round(float(amount), 2) for name, amount in zip(LEVERS, amounts, strict=True) if amount > 0}
