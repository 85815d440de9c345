"""InventoryModel: what each dealer should order and hold of each product, and what could be moved.

In:   canonical tables with their history and a moment; `others["draws"]` (demand room) are the futures that
      every number here is drawn from, beside the dealer's own past; `others["attainment"]` (rebate room)
      tells how near a rebate tier is.
Out:  "orders", one row a dealer and product, and "transfers" between dealers of a territory:
      orders: line_id, dealer_id, sku_id, territory_id, tier, period_start, qty_on_hand, qty_in_transit,
      suggested_units, suggested_cases, order_up_to_units, reorder_units, lead_time_days, review_days,
      moq_units, pack_units, score, probability, probability_after, days_of_stock, turns,
      expected_cost_amount, currency, tier_units, reasons, note.

score = 100 x (1 - probability): how well the shelf is covered with nothing ordered. Without stock on record
a line has levels and no order. note: no_forecast, no_sell_out, no_stock, no_supply_terms, no_price,
no_cost, unconverted_currency, no_demand, not_calibrated.

Errors: features.errors.TooFewRows (nothing was ever sold), models.errors.NotFitted,
        models.inventory.terms.BadTerms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.industries import Industry
from features.known import Tables, known
from features.sheets import naive
from features.shelves import Shelves
from models.errors import NotFitted
from models.inventory.belief import Belief, Past
from models.inventory.levels import Break
from models.inventory.plan import Shelf, plan
from models.inventory.said import reasons
from models.inventory.sources import Demand, Sources
from models.inventory.terms import Defaults, checked, terms
from models.inventory.tier import tier_units
from models.inventory.transfers import transfers

Array = NDArray[np.float64]
KEYS = ["dealer_id", "sku_id"]
MOST_PERIODS = {"M": 7, "W": 26}  # looked ahead; later periods go on at the last one's daily rate
_TOLD = [
    *(
        "line_id",
        "dealer_id",
        "sku_id",
        "territory_id",
        "tier",
        "period_start",
        "qty_on_hand",
        "qty_in_transit",
    ),
    *("suggested_units", "suggested_cases", "order_up_to_units", "reorder_units", "lead_time_days"),
    *("review_days", "moq_units", "pack_units", "score", "probability", "probability_after", "days_of_stock"),
    *("turns", "expected_cost_amount", "currency", "tier_units", "reasons", "note"),
]


@dataclass(frozen=True, kw_only=True)
class Book:
    """The lines of one moment: terms and stock, demand, and where it came from."""

    lines: pd.DataFrame
    demand: Demand
    sources: Sources
    freights: pd.DataFrame
    attainment: pd.DataFrame | None

    def rows(self) -> Mapping[str, int]:
        """Line to its row."""
        return {str(line): row for row, line in enumerate(self.lines["line_id"])}


@dataclass
class InventoryModel:
    """Belief in demand over the lead time; learned at one moment."""

    industry: Industry = field(default_factory=Industry)
    defaults: Defaults = field(default_factory=Defaults)
    draws: int = 200
    seed: int = 0
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)  # nothing known later was seen
    belief_: Belief = field(default_factory=Belief, init=False)

    def fit(self, past: Sequence[Past], moment: pd.Timestamp) -> Self:
        """Learn from what sources said at past cutoffs and what followed, known at the moment."""
        self.cutoff_ = moment
        self.belief_ = Belief().fit(past)
        return self

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every line that ever sold, and the transfers that are worth their freight."""
        book = self.book(tables, as_of, others)
        return {"orders": self.orders(book), "transfers": transfers(book.lines, book.demand, book.freights)}

    def book(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> Book:
        """All that orders, transfers and allocations of a moment are made of."""
        if not hasattr(self, "cutoff_"):
            raise NotFitted(self)
        others = others or {}
        seen = known(tables, naive(as_of))
        shelves = Shelves.of(seen)
        told = others.get("draws")
        draws = Draws.of(told) if told is not None and len(told) else None
        periods = MOST_PERIODS[shelves.freq.letter]
        sources = Sources.of(shelves, draws, periods=periods, count=self.draws, seed=self.seed)
        lines = _stocked(terms(sources.keys, seen, sources.start, self.defaults), shelves)
        lines["note"] = _notes(lines, shelves, sources, self.belief_)
        lines.insert(0, "line_id", lines["dealer_id"] + "/" + lines["sku_id"])
        demand = sources.demand(lines, self.belief_)
        lines = lines.join(self._planned(lines, demand)[["order_up_to_units", "reorder_units"]])
        freights = seen.get("freights", pd.DataFrame())
        return Book(
            lines=lines,
            demand=demand,
            sources=sources,
            freights=freights,
            attainment=others.get("attainment"),
        )

    def orders(self, book: Book, breaks: Sequence[Sequence[Break]] | None = None) -> pd.DataFrame:
        """The frame "orders" of a book's lines."""
        lines = book.lines.drop(columns=["order_up_to_units", "reorder_units"])
        planned = lines.join(self._planned(lines, book.demand, breaks))
        extra, codes = np.zeros(len(lines)), dict[str, str]()
        if book.attainment is not None and len(book.attainment):
            extra, codes = tier_units(planned, book.attainment, book.sources.start)
        planned["tier_units"] = extra
        rows = [{str(k): v for k, v in row.items()} for row in planned.to_dict("records")]
        said = [reasons(row["code"], row, codes.get(str(row["dealer_id"]), "")) for row in rows]
        planned["reasons"] = pd.Series(said, index=planned.index, dtype=object)
        planned["suggested_cases"] = planned["suggested_units"] / planned["units_per_case"]
        planned["period_start"] = book.sources.start
        planned["score"] = 100 * (1 - planned["probability"])
        return planned[_TOLD]

    def cap_units(self, book: Book) -> Array:
        """The most each line can sell within its shelf life, [n]; infinite for goods that keep."""
        lines = book.lines.drop(columns=["order_up_to_units", "reorder_units"])
        return self._planned(lines, book.demand)["cap_units"].to_numpy(float)

    def changed(self, book: Book, rows: NDArray[np.intp], changes: pd.DataFrame) -> Book:
        """The book of some lines with other terms or stock; `changes` is NaN where nothing changes."""
        lines = book.lines.iloc[rows].reset_index(drop=True)
        for name in changes.columns:
            lines[name] = changes[name].fillna(lines[name]).to_numpy(float)
        lines["note"] = [
            _without(n) if np.isfinite(q) else n
            for n, q in zip(lines["note"], lines["qty_on_hand"], strict=True)
        ]
        checked(lines)
        sources = book.sources.take(rows)
        demand = sources.demand(lines, self.belief_)
        levels = self._planned(lines, demand)[["order_up_to_units", "reorder_units"]]
        lines[levels.columns] = levels
        return Book(
            lines=lines, demand=demand, sources=sources, freights=book.freights, attainment=book.attainment
        )

    def _planned(
        self, lines: pd.DataFrame, demand: Demand, breaks: Sequence[Sequence[Break]] | None = None
    ) -> pd.DataFrame:
        stock = self.industry.stock
        shelf = Shelf(max_days=float(stock.max_days), least_life_rate=stock.least_shelf_life_rate)
        return plan(lines, demand, shelf, breaks)


def _stocked(lines: pd.DataFrame, shelves: Shelves) -> pd.DataFrame:
    """What each line holds; NaN where the dealer does not report."""
    index = pd.MultiIndex.from_frame(shelves.keys)
    place = index.get_indexer(pd.MultiIndex.from_frame(lines[KEYS]))
    held = {"qty_on_hand": shelves.on_hand, "qty_in_transit": shelves.in_transit}
    return lines.assign(
        **{name: np.where(place >= 0, values[place], np.nan) for name, values in held.items()}
    )


def _notes(lines: pd.DataFrame, shelves: Shelves, sources: Sources, belief: Belief) -> list[str]:
    common = [note for note in shelves.notes if note != "no_stock"]
    common += [] if belief.rows_ else ["not_calibrated"]
    told = []
    for note, held, who in zip(lines["note"], lines["qty_on_hand"], sources.told, strict=True):
        own = ["no_stock"] if np.isnan(held) else []
        own += ["no_forecast"] if who == "history" else ["no_demand"] if who == "nobody" else []
        told.append(", ".join([*own, *([note] if note else []), *common]))
    return told


def _without(note: str) -> str:
    return ", ".join(word for word in note.split(", ") if word != "no_stock")
