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
from models.rebate.assured import Chance, assured
from models.rebate.model import RebateModel
from models.rebate.offers import Offered, Terms, offered, spend_ratios
from models.rebate.options import Infeasible, Limits, Options
from training.recipes import inventory, price, rebate

_ORDERED_BY = ("sell_out", "stock", "prices", "dealers", "products", "supply_terms", "product_costs")
_USUAL = 0.04  # the depth that effects are told against
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
        """Top rate of each dealer by the rebate room, [d]; the budget is kept with its confidence."""
        frames = self.rebate.score(seen.tables.all(), seen.now)
        frame, options = self.offers(seen, frames, margin)
        chance = Chance(ratio=spend_ratios(frame, frames["spends"]), confidence=self.rebate.confidence)
        asked = Options(gain=options.gain, costs=[options.cost])
        try:
            at = assured(asked, Limits(budgets=[budget]), chance).plan.at
        except Infeasible:  # not even the least depths are sure to fit
            at = options.cost.argmin(axis=1)
        chosen = pd.Series(np.asarray(self.depths)[at], index=frame["dealer_id"])
        return chosen.reindex(seen.ladders.dealer_ids).fillna(_USUAL).to_numpy()

    def offers(self, seen: Seen, frames: Frames, margin: float) -> tuple[pd.DataFrame, Offered]:
        """What each depth would bring and cost each dealer of the year's programme."""
        frame = frames["offers"]
        frame = frame[frame["programme_id"] == f"R{seen.now.year}"].reset_index(drop=True)
        return frame, offered(frame, self.rebate.effect_, list(self.depths), Terms(margin_rate=margin))

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


def _read(rate: Array, depths: Array, logs: Array) -> Array:
    """Effect of a rate between the depths, for each dealer, [d]."""
    return np.array([np.interp(r, depths, row) for r, row in zip(rate, logs, strict=True)])
