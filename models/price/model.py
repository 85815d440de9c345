"""PriceModel: how demand answers prices, and which price each dealer should pay for each product.

In:   canonical tables with their history and a moment; `others["draws"]` (features.draws): demand over the
      coming periods, what margins are reckoned with. Without it, the recent past speaks ("no_forecast").
Out:  "prices", one row a dealer and product that sold within a year and has a price:
        line_id, dealer_id, sku_id, territory_id, currency, net_price, suggested_price, floor_price,
        ceiling_price, elasticity, elasticity_low, elasticity_high (90 %), units_change_rate,
        margin_change_amount (expected, over the horizon of the draws) with _low and _high (90 %), score,
        probability (that the margin rises), reasons, note, and what they were made of
      "corridors", pairs of territories where a product's prices stand as far apart as may be, or did:
        corridor_id, sku_id, dear_territory_id, cheap_territory_id, allowed_gap, gap_before, gap_after, excess

score is 100 x probability for a price that should move, 0 for one that should stay.
Errors: models.price.rows.NoPrices, features.errors.TooFewRows, models.errors.NotFitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.industries import Industry
from features.known import Tables, known
from features.rivals import shelves
from features.sheets import naive
from models.errors import NotFitted
from models.price.decide import Decided, Rules, decide
from models.price.reasons import reasons
from models.price.rows import Market
from models.response import Response

Array = NDArray[np.float64]
HORIZON = 3  # periods, where no draws say otherwise
_ACTIVE_YEARS = 1
_COLUMNS = (
    *("line_id", "dealer_id", "sku_id", "territory_id", "currency", "net_price", "suggested_price"),
    *("floor_price", "ceiling_price", "elasticity", "elasticity_low", "elasticity_high", "units_change_rate"),
    *("margin_change_amount", "margin_change_low", "margin_change_high", "score", "probability", "reasons"),
    *("note", "list_price", "unit_cost", "elasticity_sd", "units_mean", "units_sd", "cross_amount"),
    *("seen_low", "seen_high", "best_price"),
)


@dataclass(kw_only=True)
class PriceModel:
    """Belief in responses to prices; decisions by rules."""

    industry: Industry = field(default_factory=Industry)
    rules: Rules = field(default_factory=Rules)
    half_life_years: float = 1.0  # of what the past says of a line's level
    seed: int = 0
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)  # nothing known later was seen
    response_: Response = field(init=False, repr=False)

    def fit(self, market: Market, moment: pd.Timestamp) -> Self:
        """Learn from what was known at the moment."""
        self.cutoff_ = naive(moment)
        self.response_ = self.response(market).fit(market.rows)
        return self

    def response(self, market: Market) -> Response:
        """A response to learn from this market."""
        half_life = self.half_life_years * market.panel.freq.season
        return Response(drivers=market.drivers, half_life=half_life, seed=self.seed)

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every line that sells, and the corridors that bind."""
        if not hasattr(self, "cutoff_"):
            raise NotFitted(self)
        seen = known(tables, naive(as_of))
        lines = self.lines(Market.of(seen), seen, (others or {}).get("draws"))
        return self.decided(lines, seen.get("freights", pd.DataFrame()), self.rules)

    def lines(self, market: Market, seen: Tables, draws: pd.DataFrame | None) -> pd.DataFrame:
        """What decisions are made of, one row a line."""
        told = market.lines.assign(currency=market.currency)
        told = _with_units(told, market, draws)
        told["unit_cost"] = _costs(told, seen.get("product_costs", pd.DataFrame()))
        asked = told.rename(columns={"line_id": "unique_id", "sku_id": "group"})
        slopes, seen_logs = self.response_.slopes(asked), self.response_.seen(asked, wide=True)
        told = told.assign(
            elasticity=slopes["slope"], elasticity_sd=slopes["slope_sd"],
            elasticity_low=slopes["low"], elasticity_high=slopes["high"], whose=slopes["whose"],
            seen_low=np.exp(seen_logs["low"]), seen_high=np.exp(seen_logs["high"]),
        )  # fmt: skip
        told["cross_amount"] = self._cross(told, asked, market)
        active = np.nansum(market.panel.y[:, -market.panel.freq.season * _ACTIVE_YEARS :], axis=1) > 0
        kept: pd.DataFrame = told[active & told["net_price"].gt(0).to_numpy()].reset_index(drop=True)
        return kept

    def decided(
        self,
        lines: pd.DataFrame,
        freights: pd.DataFrame,
        rules: Rules,
        *,
        free: NDArray[np.bool_] | None = None,
    ) -> dict[str, pd.DataFrame]:
        """Frames of lines under rules; lines that are not `free` keep their price."""
        made = decide(
            lines.rename(columns={"elasticity": "slope", "elasticity_sd": "slope_sd"}),
            freights,
            rules,
            free=free,
        )
        return {"prices": self._frame(made, freights, rules), "corridors": made.corridors}

    def _frame(self, made: Decided, freights: pd.DataFrame, rules: Rules) -> pd.DataFrame:
        frame = made.lines.rename(columns={"slope": "elasticity", "slope_sd": "elasticity_sd"})
        frame["score"] = np.where(frame["moved"], 100 * frame["probability"].fillna(0.0), 0.0)
        frame["reasons"] = pd.Series(reasons(frame, made.corridors, rules), index=frame.index, dtype=object)
        frame["note"] = _notes(frame, freights, made.corridors)
        frame = frame.sort_values("line_id", ignore_index=True)
        kept = [name for name in ("whose", "is_forecast") if name in frame]
        return frame[[*_COLUMNS, *kept]]

    def _cross(self, lines: pd.DataFrame, asked: pd.DataFrame, market: Market) -> Array:
        """Margin on the rest of the shelf that one log unit of a price brings, over the horizon, [n]."""
        pooled = self.response_.pooled_
        if pooled is None:
            raise NotFitted(self)
        elasticity = pooled.coefficients(asked)[:, 1]
        margin = (lines["net_price"] - lines["unit_cost"]).to_numpy(float) * lines["units_mean"].to_numpy(
            float
        )
        pushed = np.nan_to_num(margin * elasticity)
        shelf, share = shelves(market.panel), market.shares
        rest = np.maximum(np.bincount(shelf, share)[shelf] - share, 1e-9)
        each = np.where(rest > 1e-6, pushed / rest, 0.0)
        return np.asarray(share * (np.bincount(shelf, each)[shelf] - each))


def _with_units(lines: pd.DataFrame, market: Market, draws: pd.DataFrame | None) -> pd.DataFrame:
    """Mean and spread of units over the horizon: of the draws, else of as many recent periods at random."""
    recent = market.panel.y[:, -market.panel.freq.season :]
    count = np.maximum(np.isfinite(recent).sum(axis=1), 1)
    mean = np.nansum(recent, axis=1) / count
    spread = np.sqrt(np.nansum((recent - mean[:, None]) ** 2, axis=1) / count)
    told = lines.assign(units_mean=HORIZON * mean, units_sd=np.sqrt(HORIZON) * spread, is_forecast=False)
    if draws is None or draws.empty:
        return told
    drawn = Draws.of(draws)
    total = drawn.units.sum(axis=1, dtype=np.float64)  # [m, s]
    place = pd.Index(drawn.keys["dealer_id"] + "/" + drawn.keys["sku_id"]).get_indexer(
        pd.Index(told["line_id"])
    )
    found = place >= 0
    told["units_mean"] = np.where(found, total.mean(axis=1)[place], told["units_mean"])
    told["units_sd"] = np.where(found, total.std(axis=1)[place], told["units_sd"])
    return told.assign(is_forecast=found)


def _costs(lines: pd.DataFrame, costs: pd.DataFrame) -> Array:
    """Unit cost of each line in the currency of its price, NaN where there is none, [n]."""
    if costs.empty:
        return np.full(len(lines), np.nan)
    keyed = costs.assign(sku_id=costs["sku_id"].astype(str)).set_index(["sku_id", "currency"])[
        "unit_cost_amount"
    ]
    keyed = keyed[~keyed.index.duplicated(keep="last")]
    return np.asarray(keyed.reindex(pd.MultiIndex.from_frame(lines[["sku_id", "currency"]])), dtype=float)


def _notes(frame: pd.DataFrame, freights: pd.DataFrame, corridors: pd.DataFrame) -> list[str]:
    broken = corridors[corridors["excess"] > 0]
    skus: set[Any] = set(broken["sku_id"])
    parts = {
        "no_unit_cost": frame["unit_cost"].isna(),
        "no_forecast": ~frame["is_forecast"].astype(bool)
        if "is_forecast" in frame
        else frame["moved"] & False,
        "no_freights": pd.Series(freights.empty, index=frame.index),
        "floor_out_of_reach": frame["held"].astype(bool),
        "corridor_broken": frame["sku_id"].isin(skus),
        "new_line": frame["whose"].ne("series") if "whose" in frame else frame["moved"] & False,
    }
    flags = pd.DataFrame({name: part.to_numpy(bool) for name, part in parts.items()})
    return [", ".join(flags.columns[row]) for row in flags.to_numpy()]
