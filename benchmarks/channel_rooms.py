"""The rooms' own decisions in the channel benchmark: orders, ladders and prices as the service suggests them.

Every room is trained on what was known in January and answers from one set of demand draws. The demand room
is trained on sales to buyers, because dealers' stock is decided here.

Left out: `tier_units` of the inventory room (goods bought for a rebate's sake move money between brand and
dealer, and sell nothing more).
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from benchmarks.channel_policies import DRAWS, RATES, Array, Seen
from features.draws import Draws
from models.demand.model import DemandModel
from models.inventory.model import InventoryModel
from models.price.model import PriceModel
from models.rebate.model import RebateModel
from models.rebate.offers import Offered, Terms, offered
from models.rebate.optimise import optimise
from models.rebate.options import Infeasible, Limits, Options
from training.recipes import inventory, price, rebate

_ORDERED_BY = ("sell_out", "stock", "prices", "dealers", "products", "supply_terms", "product_costs")
_USUAL = 0.04  # the depth that effects are told against
_HALVINGS = 12  # of what the optimiser is given
Frames = dict[str, pd.DataFrame]


@dataclass
class Rooms:
    """Models of one January."""

    demand: DemandModel
    inventory: InventoryModel
    price: PriceModel
    rebate: RebateModel
    depths: Array = field(init=False)  # options: those that somebody was offered before

    def __post_init__(self) -> None:
        effect = self.rebate.effect_
        self.depths = np.unique(np.clip(RATES, effect.depth_low_, effect.depth_high_))

    @classmethod
    def trained(cls, seen: Seen, demand: DemandModel) -> "Rooms":
        """Every room as its recipe trains it; evidence is made elsewhere (each room's benchmark)."""
        tables, now = seen.tables.all(), seen.now
        stock = inventory.Config(judged_cutoffs=0)
        return cls(
            demand,
            inventory.fit(sold(tables), now, stock).model,
            price.fit(tables, now, price.Config(judged_cutoffs=1)).model,
            rebate.fit(tables, now, rebate.Config(judged_cutoffs=0)).model,
        )

    def draws(self, seen: Seen, top_rate: Array | None = None) -> Draws:
        """The next three months; past sales restated as if this year's ladders had been offered."""
        panel = seen.panel
        if top_rate is None:
            return self.demand.draws(panel, count=DRAWS)
        restated = panel.y * np.exp(self._moved(seen, top_rate))
        return self.demand.draws(replace(panel, y=restated), count=DRAWS)

    def ladders(self, seen: Seen, budget: float, margin: float) -> Array:
        """Top rate of each dealer, by the rebate room's optimiser, [d]; P90 of all rebates within the budget.

        The optimiser keeps expected rebates within what it is given; it is given less until P90 fits.
        """
        frames = self.rebate.score(seen.tables.all(), seen.now)
        frame, options = self.offers(seen, frames, margin)
        paid = self._paid(seen, frames, frame, options)  # [n, k, s]
        row, at = np.arange(len(frame)), np.asarray(options.cost).argmin(axis=1)
        share, step = 1.0, 1.0
        for _ in range(_HALVINGS):
            found = _planned(options, budget * share)
            fits = found is not None and np.quantile(paid[row, found].sum(axis=0), 0.9) <= budget
            at = found if fits else at
            if fits and share == 1.0:
                break
            step /= 2
            share += step if fits else -step
        chosen = pd.Series(np.asarray(self.depths)[at], index=frame["dealer_id"])
        return chosen.reindex(seen.ladders.dealer_ids).fillna(_USUAL).to_numpy()

    def offers(self, seen: Seen, frames: Frames, margin: float) -> tuple[pd.DataFrame, Offered]:
        """What each depth would bring and cost each dealer of the year's programme."""
        frame = frames["offers"]
        frame = frame[frame["programme_id"] == f"R{seen.now.year}"].reset_index(drop=True)
        return frame, offered(frame, self.rebate.effect_, list(self.depths), Terms(margin_rate=margin))

    def _paid(self, seen: Seen, frames: Frames, frame: pd.DataFrame, options: Offered) -> Array:
        """Rebates of the year by the exact ladder, at each depth and draw of purchases, [n, k, s]."""
        keys = ["dealer_id", "programme_id"]
        drawn = frame[keys].merge(frames["purchases"], on=keys, how="left").filter(regex=r"^t\d+$")
        drawn = np.random.default_rng(0).permuted(drawn.to_numpy(float), axis=1)  # dealers on their own
        expected = np.maximum(frame["expected_amount"].to_numpy(float), 1e-9)
        moved = np.asarray(options.amount) / expected[:, None]  # [n, k]
        ladders = seen.ladders.of_dealers(frame["dealer_id"].tolist())
        paid = [
            ladders.rebate(drawn * moved[:, [j]], np.full(len(frame), depth))
            for j, depth in enumerate(self.depths)
        ]
        return np.stack(paid, axis=1)

    def factor(self, seen: Seen) -> Array:
        """Suggested over agreed price of each series, [n]."""
        others = {"draws": self.draws(seen).frame()}
        rows = self.price.score(seen.tables.all(), seen.now, others)["prices"].set_index("line_id")
        ids = seen.keys.agg("/".join, axis=1)
        told = (rows["suggested_price"] / rows["net_price"]).reindex(ids).fillna(1.0)
        return told.to_numpy(float)

    def _moved(self, seen: Seen, top_rate: Array) -> Array:
        """Log factor that makes past sales those of this year's ladder, [n, t]."""
        panel, ladders = seen.panel, seen.ladders
        years, dealer = panel.periods().year.to_numpy(), panel.static["dealer_id"].to_numpy()
        ids = pd.Index([f"{d}/CNY" for d in ladders.dealer_ids])
        logs = np.log(self.rebate.effect_.curves(ids, self.depths, np.full(len(ids), _USUAL)).ratio)
        now = _read(top_rate, self.depths, logs)
        top = ladders.top.reindex(ladders.dealer_ids)
        then = np.stack([_read(top[year].to_numpy(float), self.depths, logs) for year in top], axis=1)
        moved = pd.DataFrame(now[:, None] - then, index=ladders.dealer_ids, columns=top.columns)
        moved[seen.now.year] = 0.0
        return np.nan_to_num(moved.reindex(dealer)[years].to_numpy())


@dataclass
class Suggested:
    """Orders as the inventory room suggests them each month."""

    rooms: Rooms
    top_rate: Array

    def orders(self, seen: Seen) -> Array:
        """Units of each series, [n]."""
        tables = sold({name: seen.tables[name] for name in _ORDERED_BY})
        others = {"draws": self.rooms.draws(seen, self.top_rate).frame()}
        rows = self.rooms.inventory.score(tables, seen.now, others)["orders"].set_index("line_id")
        units = rows["suggested_units"].reindex(seen.keys.agg("/".join, axis=1)).fillna(0.0).to_numpy(float)
        return np.where(seen.is_open, units, 0.0)


def sold(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Tables in which the demand room learns from sales to buyers."""
    bought = (
        tables["sell_out"]
        .rename(columns={"qty_sell_out": "qty_sell_in"})
        .assign(document_id="", amount=np.nan)
    )
    return {**tables, "sell_in": bought.drop(columns="outlet_id")}


def _planned(options: Offered, budget: float) -> Array | None:
    """The optimiser's choice under a budget; None where not even the least depths fit."""
    try:
        return optimise(Options(gain=options.gain, costs=[options.cost]), Limits(budgets=[budget])).at
    except Infeasible:
        return None


def _read(rate: Array, depths: Array, logs: Array) -> Array:
    """Effect of a rate between the depths, for each dealer, [d]."""
    return np.array([np.interp(r, depths, row) for r, row in zip(rate, logs, strict=True)])
