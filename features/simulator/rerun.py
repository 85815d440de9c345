"""Rerun: a stretch of a world again, with other decisions.

At the start of each period a policy may order for each series, change prices, and in January offer a
ladder to each dealer; then the period happens, day by day. Luck, lead times and shortages are those of
the world and the same for every policy; demand answers only through the true price elasticity and the
true response to the ladder (market.py). Sales need stock; what is not there is lost:

    stock[t] = stock[t-1] + delivered[t] - sold[t],    sold <= wanted

to the unit. Buyers come evenly over the days of a period. An order arrives `lead_days` after the start
of its period. With `Deliveries.at_once` and the orders of the ordinary simulator it is that one.

In:     a world that keeps no record of single transactions (outlets, scans, street prices are left out).
Out:    `tables()`: canonical tables as known at `now`, the only thing a policy should look at;
        `ledger()`: what happened, one row a series and period; `rebates(year)`: one row a dealer.
Units:  pieces, CNY, days, fractions; arrays are [n series] or [d dealers].
Errors: ImpossibleOrder (who asks for what cannot be delivered; a ladder in the middle of a year).
Limits: a series that has ended is neither ordered nor sold, and what is under way to it is sent back;
        diverted units pass on top as in flow.py; a ladder's thresholds stay, only its rates are decided.

>>> again = Rerun.of(World(dealers=2, products=2, months=24), first=12)
>>> again.step(np.zeros(again.n))                     # a month in which nobody orders
>>> again.ledger()[["delivered_units", "sold_units"]].sum().tolist()[0], str(again.now)
(0.0, '2025-02-01')
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.simulator.awards import rebate_awards
from features.simulator.deliveries import Deliveries
from features.simulator.flow import Flow
from features.simulator.fx import fx_rates
from features.simulator.grid import stamps, texts
from features.simulator.market import Floats, Market
from features.simulator.money import Money
from features.simulator.nouns import Nouns
from features.simulator.rebates import uplift
from features.simulator.supply import freights, product_costs, supply_terms
from features.simulator.world import World
from features.tables import coerce

Frames = dict[str, pd.DataFrame]
_FOLLOWED = ("wanted", "sold", "delivered", "ordered", "stock", "transit", "stock_days")
_DAYS_A_YEAR = 365.0


class ImpossibleOrder(ChannelError):
    """A decision that the channel cannot carry out."""


@dataclass
class Rerun:
    """A world under way; `step` moves it on by one period."""

    nouns: Nouns
    deliveries: Deliveries
    first: int
    at: int  # the period to be decided now
    market: Market
    net_price: NDArray[np.float32]  # [n, t] decided
    top_rate: NDArray[np.float32]  # [d, y] decided
    left: Floats  # [n] own stock
    coming: Floats  # [n, days from the start of `first`] deliveries under way
    done: dict[str, Floats] = field(repr=False)  # [n, t] what happened
    repriced: NDArray[np.int64] = field(repr=False)  # [n, t] period of the decision; -1: the plan
    _decided: Nouns | None = field(default=None, init=False, repr=False)

    @classmethod
    def of(cls, world: World, *, first: int, deliveries: Deliveries | None = None) -> Self:
        """At the start of period `first`, with the stock that there was."""
        quiet = replace(world, outlet_reporting_share=0.0, scan_coverage_share=0.0, survey_share=0.0)
        n = Nouns.draw(quiet)
        if not 0 < first < n.periods.observed:
            raise ImpossibleOrder(f"A rerun begins in period 1 to {n.periods.observed - 1}; got {first}.")
        chosen = Deliveries.draw(n) if deliveries is None else deliveries
        days = int((n.periods.now - n.periods.starts[first]).astype(int)) + int(chosen.lead_days.max()) + 1
        left = n.flow.stock[:, first - 1] - _kept(n)[:, first - 1]
        shape = (n.sold.grid.n, n.periods.observed)
        return cls(
            nouns=n,
            deliveries=chosen,
            first=first,
            at=first,
            market=Market.draw(quiet, n.demand, n.shocks.project_units),
            net_price=n.prices.net_price.copy(),
            top_rate=n.rebates.top_rate.copy(),
            left=left.astype(np.float64),
            coming=np.zeros((n.sold.grid.n, days)),
            done={name: np.zeros(shape) for name in _FOLLOWED},
            repriced=np.full(n.prices.net_price.shape, -1),
        )

    @property
    def n(self) -> int:
        """Number of series."""
        return self.nouns.sold.grid.n

    @property
    def now(self) -> np.datetime64:
        """The start of the period to be decided."""
        day: np.datetime64 = self.nouns.periods.ends[self.at - 1]
        return day

    @property
    def is_over(self) -> bool:
        """No observed period is left."""
        return self.at >= self.nouns.periods.observed

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Series that are sold in the period to be decided, [n]."""
        return np.asarray(self.nouns.sold.active[:, self.at])

    @property
    def year(self) -> int:
        """Position of the ladder of the period to be decided."""
        return int((self.now.astype("M8[Y]") - self.nouns.rebates.first_year).astype(int))

    @property
    def transit(self) -> Floats:
        """Units under way, [n]."""
        return np.asarray(self.coming[:, self._day(self.at) :].sum(axis=1))

    def keys(self) -> pd.DataFrame:
        """dealer_id and sku_id of each series."""
        return self.nouns.sold.grid.keys(np.arange(self.n))

    def offer(self, top_rate: Floats) -> None:
        """The highest rate of each dealer's ladder for the year that begins now, [d]."""
        if str(self.now)[5:7] != "01":
            raise ImpossibleOrder(f"Ladders are offered in January; it is {str(self.now)[:7]}.")
        if not ((top_rate >= 0) & (top_rate < 1)).all():
            raise ImpossibleOrder("A rate is a fraction in [0, 1).")
        self.top_rate[:, self.year] = np.round(top_rate, 4)
        self._decided = None

    def reprice(self, factor: Floats) -> None:
        """From now on, the planned price of each series times a factor, [n]; 1 is the plan."""
        if not (factor > 0).all():
            raise ImpossibleOrder("A price is above zero.")
        plan = self.nouns.prices.net_price[:, self.at :].astype(np.float64)
        decided = np.round(plan * factor[:, None], 2).astype(np.float32)
        decided = np.where(factor[:, None] == 1, self.nouns.prices.net_price[:, self.at :], decided)
        changed = decided != self.net_price[:, self.at :]
        self.repriced[:, self.at :][changed] = self.at
        self.net_price[:, self.at :] = decided
        self._decided = None

    def mean(self, step: int) -> Floats:
        """The truth: mean demand of a period as decided by now, [n]; for oracles, not for policies."""
        return self.market.mean(step, self._moved(step))

    def step(self, orders: Floats) -> None:
        """Orders of the start of the period [n], units; then the period happens."""
        asked_for = np.where(self.is_open, orders, 0.0)
        if (wrong := self.deliveries.refused(asked_for)).any():
            keys = self.keys()[wrong].head(3).agg("/".join, axis=1).tolist()
            raise ImpossibleOrder(
                f"{wrong.sum()} orders are negative, too small or no whole packs; first: {keys}."
            )
        t, day = self.at, self._day(self.at)
        arrives = day + self.deliveries.lead_days[:, t]
        np.add.at(self.coming, (np.arange(self.n), arrives), self.deliveries.sent(t, asked_for))
        sells = self.nouns.sold.observed[:, t]
        self.left = np.where(sells, self.left, 0.0)
        self.coming[~sells, day:] = 0.0
        wanted = (
            np.maximum(self.market.wanted(t, self._moved(t)) - self.nouns.diversion.lost[:, t], 0.0) * sells
        )
        self._happen(day, wanted)
        self.done["ordered"][:, t] = asked_for
        self.at += 1
        self._decided = None

    def tables(self) -> Frames:
        """Canonical tables as a brand knows them now."""
        return {name: self.table(name) for name in self._makers()}

    def table(self, name: str) -> pd.DataFrame:
        """One of them."""
        drawn, now = self._makers()[name](), pd.Timestamp(self.now)
        return coerce(name, drawn[drawn["known_at"] <= now].reset_index(drop=True))

    def _makers(self) -> dict[str, Callable[[], pd.DataFrame]]:
        n = self._as_decided
        return {
            "promotions": lambda: n.plans.table(n.sold),
            "prices": lambda: self._prices(n),
            "sell_in": lambda: n.money.sell_in_table(n.sold, n.flow),
            "sell_out": lambda: n.flow.sell_out_table(n.world, n.land, n.sold),
            "stock": lambda: self._stock(n),
            "dealers": n.land.dealers_table,
            "outlets": n.land.outlets_table,
            "products": n.goods.products_table,
            "rebate_programmes": lambda: self._programmes(n),
            "rebate_awards": lambda: rebate_awards(n),
            "invoices": lambda: n.money.invoices_table(n.sold),
            "payments": lambda: n.money.payments_table(n.sold, n.solvency),
            "supply_terms": lambda: supply_terms(n),
            "product_costs": lambda: product_costs(n),
            "freights": lambda: freights(n),
            "fx_rates": lambda: fx_rates(n.world, n.periods)[0],
        }

    def ledger(self) -> pd.DataFrame:
        """One row for each series and period so far: units, and what they earned and cost."""
        n = self.nouns
        terms, costs = supply_terms(n), product_costs(n)
        cells = np.nonzero(n.sold.observed[:, self.first : self.at])
        cells = (cells[0], cells[1] + self.first)
        product = n.sold.grid.product[cells[0]]
        price = np.round(self.net_price[cells].astype(np.float64), 2)
        frame = n.sold.grid.facts(cells, **{f"{k}_units": self.done[k][cells] for k in _FOLLOWED[:-1]})
        frame = frame.drop(columns=["event_at", "known_at"])
        order_cost = terms["order_cost_amount"].to_numpy()[product]
        holding = terms["holding_rate"].to_numpy()[product] * price / _DAYS_A_YEAR
        return frame.assign(
            missed_units=frame["wanted_units"] - frame["sold_units"],
            net_price=price,
            sales_amount=frame["sold_units"] * price,
            purchase_amount=np.round(frame["delivered_units"] * price, 2),
            margin_amount=frame["sold_units"] * (price - costs["unit_cost_amount"].to_numpy()[product]),
            holding_amount=self.done["stock_days"][cells] * holding,
            order_amount=(frame["ordered_units"] > 0) * order_cost,
        )

    def rebates(self, year: int) -> pd.DataFrame:
        """What each dealer bought in a year, and the exact rebate for it by its ladder."""
        n = self._as_decided
        of_year = n.periods.starts[: n.periods.observed].astype("M8[Y]") == n.rebates.first_year + year
        bought = np.round(n.money.amount[:, of_year].sum(axis=1), 2)
        ids = texts(n.land.dealer_ids, np.arange(len(bought)))
        return pd.DataFrame(
            {"dealer_id": ids, "purchase_amount": bought, "rebate_amount": n.rebates.paid(year, bought)}
        )

    def _moved(self, step: int) -> Floats:
        """Log demand moved by what was decided otherwise, [n]; exactly 0 when nothing was."""
        n = self.nouns
        price = np.log(self.net_price[:, step].astype(np.float64))
        price -= np.log(n.prices.net_price[:, step].astype(np.float64))
        year = int((n.periods.starts[step].astype("M8[Y]") - n.rebates.first_year).astype(int))
        offered, usual = (
            np.log1p(uplift(rates[:, year], n.rebates.max_uplift, n.rebates.half_rate).astype(np.float64))
            for rates in (self.top_rate, n.rebates.top_rate)
        )
        return np.asarray(n.prices.elasticity * price + (offered - usual)[n.sold.grid.dealer])

    def _happen(self, day: int, wanted: Floats) -> None:
        """The days of the period: deliveries in the morning, buyers after."""
        t, start = self.at, self.left
        length = int((self.nouns.periods.ends[t] - self.nouns.periods.starts[t]).astype(int))
        arrived = self.coming[:, day : day + length]
        left, held = start.copy(), np.zeros_like(start)
        for k in range(length):
            asked = np.floor(wanted * (k + 1) / length) - np.floor(wanted * k / length)
            left = left + arrived[:, k]
            left -= np.minimum(left, asked)
            held += left
        delivered = arrived.sum(axis=1)
        self.left = left
        told = {"wanted": wanted, "delivered": delivered, "sold": start + delivered - left, "stock": left}
        told |= {"transit": self.coming[:, day + length :].sum(axis=1), "stock_days": held}
        for name, values in told.items():
            self.done[name][:, t] = values

    def _day(self, step: int) -> int:
        n = self.nouns.periods
        start = n.starts[step] if step < n.count else n.ends[-1]
        return int((start - n.starts[self.first]).astype(int))

    @property
    def _as_decided(self) -> Nouns:
        """The nouns with the decisions so far in them; nothing has happened after them."""
        if self._decided is None:
            self._decided = self._decide()
        return self._decided

    def _decide(self) -> Nouns:
        n, past = self.nouns, slice(0, self.first)
        flows = (n.flow.sell_in, n.flow.sell_out, n.flow.stock, n.flow.missed)
        sell_in, sell_out, stock, missed = (np.zeros_like(one) for one in flows)
        for made, was in zip((sell_in, sell_out, stock, missed), flows, strict=True):
            made[:, past] = was[:, past]
        new, sells = slice(self.first, self.at), n.sold.observed[:, self.first : self.at]
        sell_in[:, new] = self.done["delivered"][:, new] + n.diversion.sent[:, new] * sells
        sell_out[:, new] = self.done["sold"][:, new] + n.diversion.reported[:, new] * sells
        stock[:, new] = self.done["stock"][:, new] + _kept(n)[:, new]
        missed[:, new] = self.done["wanted"][:, new] - self.done["sold"][:, new]
        flow = Flow(sell_in, sell_out, stock, missed)
        prices = replace(n.prices, net_price=self.net_price)
        money = Money.draw(n.world, n.land, n.sold, flow, prices, n.solvency)
        return replace(
            n, flow=flow, prices=prices, money=money, rebates=replace(n.rebates, top_rate=self.top_rate)
        )

    def _prices(self, n: Nouns) -> pd.DataFrame:
        """A price that was decided anew was not known before."""
        table, cells = n.prices.table(n.sold), np.nonzero(n.sold.planned)
        decided = self.repriced[cells]
        moment = stamps(n.periods.starts)[np.maximum(decided, 0)]
        known = table["known_at"].to_numpy()
        return table.assign(known_at=np.where(decided >= 0, np.maximum(known, moment), known))

    def _programmes(self, n: Nouns) -> pd.DataFrame:
        """A ladder that was decided anew was not known a month before."""
        table, plan = n.rebates.table(n.sold), self.nouns.rebates.table(self.nouns.sold)
        anew = (table["rebate_rate"] != plan["rebate_rate"]).to_numpy()
        return table.assign(known_at=table["known_at"].where(~anew, table["starts_at"]))

    def _stock(self, n: Nouns) -> pd.DataFrame:
        cells = np.nonzero(n.sold.observed)
        return n.flow.stock_table(n.sold).assign(qty_in_transit=self.done["transit"][cells])


def _kept(n: Nouns) -> Floats:
    """Diverted units that stay on the books, [n, t observed]."""
    t = n.periods.observed
    return np.asarray(
        np.cumsum(n.diversion.sent[:, :t] - n.diversion.reported[:, :t], axis=1), dtype=np.float64
    )
