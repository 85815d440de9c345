"""Abroad: dealers whose own money is not CNY, and the currencies in which they are invoiced.

A share of the territories lies abroad, each with a currency of its own. A dealer there is invoiced in its
own currency, in CNY or in USD: a habit that lasts for months and then changes. An invoice is its CNY amount
at the last rate before its day, and is paid in the same currency, so what is paid is what was invoiced.

Prices and sell-in stay in CNY: they are the brand's own books.
Limits: invoices of the first fortnight stay in CNY (no rate is known yet).

>>> World(abroad_share=0.5).rng("abroad").random() < 1
True
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.prices import CURRENCY
from features.simulator.world import World

Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
_HABITS = np.array(["own", CURRENCY, "USD"], dtype=object)
_HABIT_SHARES = np.array([0.4, 0.4, 0.2])
_CHANGE_RATE = 0.06  # of the months begin another habit
_WITHOUT_RATE = np.timedelta64(14, "D")


def settled_abroad(
    world: World, dealers: pd.DataFrame, invoices: pd.DataFrame, payments: pd.DataFrame, fx: pd.DataFrame
) -> Frames:
    """Invoices and payments in the currencies of their habits, and each dealer's own currency (truth)."""
    rng = world.rng("abroad")
    own = _own(rng, world, dealers, fx)
    truth = dealers[["dealer_id", "territory_id"]].assign(own_currency=own.to_numpy())
    if not (own != CURRENCY).any():
        return invoices, payments, truth
    chosen = _habits(rng, world, dealers, invoices, own)
    rate = np.array([1.0] * len(invoices))
    for base, worth in fx.groupby("base_currency"):
        rows = np.flatnonzero(chosen == base)
        place = np.searchsorted(worth["known_at"].to_numpy(), invoices["issued_at"].to_numpy()[rows], "right")
        chosen[rows[place == 0]] = CURRENCY
        rate[rows] = np.where(place > 0, worth["rate"].to_numpy()[np.maximum(place - 1, 0)], 1.0)
    by_id = pd.DataFrame({"currency": chosen, "rate": rate}, index=invoices["invoice_id"])
    return _in(invoices, by_id), _in(payments, by_id), truth


def _own(rng: np.random.Generator, world: World, dealers: pd.DataFrame, fx: pd.DataFrame) -> "pd.Series[str]":
    """The currency of each dealer's territory."""
    names = np.sort(dealers["territory_id"].unique())
    away = rng.permutation(len(names)) < round(world.abroad_share * len(names))
    money = rng.choice(np.sort(fx["base_currency"].unique()), len(names))
    return dealers["territory_id"].map(dict(zip(names, np.where(away, money, CURRENCY), strict=True)))


def _habits(
    rng: np.random.Generator,
    world: World,
    dealers: pd.DataFrame,
    invoices: pd.DataFrame,
    own: "pd.Series[str]",
) -> NDArray[np.object_]:
    """The currency of each invoice."""
    shape = (len(dealers), world.months + 1)
    begins = rng.random(shape) < _CHANGE_RATE
    begins[:, 0] = True
    drawn = rng.choice(len(_HABITS), shape, p=_HABIT_SHARES)
    last = np.maximum.accumulate(np.where(begins, np.arange(shape[1]), 0), axis=1)
    habit = _HABITS[np.take_along_axis(drawn, last, axis=1)]
    row = pd.Index(dealers["dealer_id"]).get_indexer(pd.Index(invoices["dealer_id"]))
    month = invoices["issued_at"].to_numpy().astype("datetime64[M]")
    column = np.clip((month - month.min()).astype(int), 0, shape[1] - 1)
    mine = own.to_numpy(dtype=object)[row]
    said = habit[row, column]
    early = invoices["issued_at"].to_numpy() < invoices["issued_at"].min().to_datetime64() + _WITHOUT_RATE
    return np.where((mine == CURRENCY) | early, CURRENCY, np.where(said == "own", mine, said))


def _in(frame: pd.DataFrame, by_id: pd.DataFrame) -> pd.DataFrame:
    """Amounts at the rate of their invoice, rounded to cents."""
    found = by_id.reindex(frame["invoice_id"])
    amount = np.round(frame["amount"].to_numpy(float) / found["rate"].to_numpy(float), 2)
    return frame.assign(amount=amount, currency=found["currency"].to_numpy())
