"""Money: invoices for what dealers bought, and what they paid.

A dealer gets one invoice a period, for all it bought, dated within the period; terms follow
tier. How late it pays depends on its latent quality, its distress and luck; a few invoices
are disputed for two months and a few are paid in two parts. From its default on a dealer
pays nothing. Amounts are CNY, rounded to cents.

Luck is drawn for every dealer and period, sold or not, so other sales move no payment's luck.

>>> TERMS_DAYS.tolist()  # tier A to D
[60, 45, 30, 15]
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.flow import Flow
from features.simulator.geography import Geography
from features.simulator.grid import stamps, texts
from features.simulator.periods import Days, Periods
from features.simulator.prices import CURRENCY, Prices
from features.simulator.solvency import Solvency
from features.simulator.world import World

Array = NDArray[np.float64]
Cells = tuple[NDArray[np.intp], ...]

TERMS_DAYS = np.array([60, 45, 30, 15])
_EARLY_DAYS = 6
_DISPUTED_RATE, _DISPUTED_DAYS = 0.02, 60
_PARTS_RATE = 0.12
_BANK_DAYS = np.timedelta64(1, "D")  # a payment is known the day after


@dataclass(frozen=True)
class Money:
    """Invoices and payments, [d, observed periods]."""

    line_amount: Array  # [n, t]
    amount: Array  # [d, t]
    issued: Days  # [d, t]
    due: Days  # [d, t]
    paid: Days  # [d, t], the first part when there are two
    second_days: NDArray[np.int64]  # [d, t], after the first
    first_share: Array  # [d, t], 1 when paid at once

    @classmethod
    def draw(
        cls, world: World, land: Geography, sold: Assortment, flow: Flow, prices: Prices, solvency: Solvency
    ) -> Self:
        """Invoices and payments of a world."""
        rng = world.rng("money")
        periods, shape = sold.grid.periods, (world.dealers, sold.grid.periods.observed)
        net_price = np.round(prices.net_price[:, : shape[1]].astype(np.float64), 2)
        line_amount = np.round(flow.sell_in * net_price, 2)
        amount = np.zeros(shape)
        np.add.at(amount, sold.grid.dealer, line_amount)
        length_days = (periods.ends - periods.starts)[: shape[1]].astype(int)
        issued = periods.starts[: shape[1]] + (rng.random(shape) * length_days).astype("m8[D]")
        due = issued + TERMS_DAYS[land.tier][:, None].astype("m8[D]")
        late_days = _late_days(rng, solvency, shape)
        in_parts = rng.random(shape) < _PARTS_RATE
        return cls(
            line_amount=line_amount,
            amount=np.round(amount, 2),
            issued=issued,
            due=due,
            paid=np.maximum(due + late_days.astype("m8[D]"), issued),
            second_days=rng.integers(10, 45, shape),
            first_share=np.where(in_parts, rng.uniform(0.4, 0.8, shape), 1.0),
        )

    def sell_in_table(self, sold: Assortment, flow: Flow) -> pd.DataFrame:
        """Canonical table `sell_in`: what was bought, on which invoice."""
        cells = np.nonzero(sold.observed[:, : flow.sell_in.shape[1]])
        bought = flow.sell_in[cells]
        document = sold.grid.dealer[cells[0]] * flow.sell_in.shape[1] + cells[1]
        frame = sold.grid.facts(cells, qty_sell_in=bought, amount=self.line_amount[cells])
        ids = texts(_invoice_ids(sold), np.where(bought > 0, document, -1)).fillna("")
        return frame.assign(document_id=ids, currency=CURRENCY)

    def invoices_table(self, sold: Assortment) -> pd.DataFrame:
        """Canonical table `invoices`."""
        cells = np.nonzero(self.amount)
        frame = self._invoiced(sold, cells)
        return frame.assign(
            issued_at=stamps(self.issued[cells]),
            due_at=stamps(self.due[cells]),
            amount=self.amount[cells],
            event_at=stamps(self.issued[cells]),
            known_at=stamps(self.issued[cells]),
        )

    def payments_table(self, sold: Assortment, solvency: Solvency) -> pd.DataFrame:
        """Canonical table `payments`: what arrived by now, and before the dealer failed."""
        cells = np.nonzero(self.amount)
        first = np.round(self.amount[cells] * self.first_share[cells], 2)
        second = np.round(self.amount[cells] - first, 2)
        later = self.paid[cells] + self.second_days[cells].astype("m8[D]")
        parts = [(self.paid[cells], first, "1"), (later, second, "2")]
        frames = [self._paid(sold, cells, *part) for part in parts]
        failed = stamps(solvency.failed[cells[0]])
        standing = [~(frame["paid_at"] >= failed) & (frame["amount"] > 0) for frame in frames]
        paid = pd.concat([f[s] for f, s in zip(frames, standing, strict=True)])
        return paid[paid["known_at"] <= pd.Timestamp(sold.grid.periods.now)].reset_index(drop=True)

    def _paid(self, sold: Assortment, cells: Cells, days: Days, amount: Array, part: str) -> pd.DataFrame:
        frame = self._invoiced(sold, cells)
        paid_at = stamps(days)
        frame["payment_id"] = "P" + frame["invoice_id"] + "-" + part
        return frame.assign(
            paid_at=paid_at, amount=amount, event_at=paid_at, known_at=stamps(days + _BANK_DAYS)
        )

    def _invoiced(self, sold: Assortment, cells: Cells) -> pd.DataFrame:
        codes = cells[0] * self.amount.shape[1] + cells[1]
        ids = texts(_invoice_ids(sold), codes)
        dealers = texts(sold.grid.dealer_ids, cells[0])
        return pd.DataFrame({"invoice_id": ids, "dealer_id": dealers, "currency": CURRENCY})


def _late_days(rng: np.random.Generator, solvency: Solvency, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Days after the due date, negative when early, [d, t]."""
    habit = (2.2 - 0.6 * solvency.quality)[:, None] + 1.5 * solvency.distress[:, : shape[1]]
    days = np.exp(habit + rng.normal(0, 0.5, shape)) - _EARLY_DAYS
    disputed = rng.random(shape) < _DISPUTED_RATE
    return np.asarray(np.round(days + _DISPUTED_DAYS * disputed), dtype=np.int64)


def _invoice_ids(sold: Assortment) -> NDArray[np.str_]:
    """One id for each dealer and observed period, [d x t]."""
    periods: Periods = sold.grid.periods
    days = np.datetime_as_string(periods.starts[: periods.observed])
    return np.array([f"{dealer}-{day.replace('-', '')}" for dealer in sold.grid.dealer_ids for day in days])
