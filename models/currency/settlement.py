"""Settlement: what it did cost to have invoiced in a currency, once the invoice was paid.

In:   paid invoices [n]: `chosen` currency, `own_currency` of the dealer, `days` from issue to payment,
      `used_share` of the chosen currency in the dealer's history; `moved` [n, currencies], the log of each
      currency's worth at payment over that at issue; the brand's terms; `daily(one, other)`, the volatility
      of a day of one currency in the other over all that was known before.
Out:  [n] "cost": everything, with what the rate won or lost; "charge": the same without that win or loss.

The same sums as models.currency.costs, with what happened in place of what was expected. Risk is charged on
the loss beyond a usual edge v (constant volatility, normal), the same for every rule that is compared:

    v + max(loss - v, 0) / tail_rate           whose mean is CVaR when v is the right edge, and more when not

A win or loss of the rate has mean zero for whoever has no view, and swamps the rest for a few currencies and
years; so both are told. The brand's share that is naturally hedged is neither changed nor at risk.

Source: Rockafellar and Uryasev (2000). Limits: risk is judged over all invoices as one pool.

>>> paid = pd.DataFrame({"chosen": ["USD"], "own_currency": ["USD"], "days": [30.0], "used_share": [1.0]})
>>> told = realised(paid, pd.DataFrame({"USD": [-0.01]}), Terms(), lambda one, other: 0.003)
>>> told.round(4).to_dict("records")                # 0.1 % spread, 1.0 % lost, 10 % of an edge of 2.3 %
[{'cost': 0.0132, 'charge': 0.0033}]
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from models.currency.terms import Terms

Array = NDArray[np.float64]
Names = list[str]
Daily = Callable[[str, str], float]
_BUSINESS_SHARE = 5 / 7


def realised(
    paid: pd.DataFrame,
    moved: pd.DataFrame,
    terms: Terms,
    daily: Daily,
    *,
    hedged: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Cost of each invoice in its chosen currency; NaN where a rate is missing."""
    chosen, own = list(paid["chosen"]), list(paid["own_currency"])
    days = paid["days"].to_numpy(dtype=np.float64)
    x, at_own = _of(moved, chosen, terms.home), _of(moved, own, terms.home)
    loss, theirs = -np.expm1(x), np.expm1(x - at_own)
    home = [terms.home] * len(chosen)
    brand = terms.risk_charge_rate * _tail(loss, _edges(chosen, home, days, terms, daily), terms)
    dealer = terms.risk_charge_rate * _tail(theirs, _edges(chosen, own, days, terms, daily), terms)
    back = terms.pass_through_rate * (terms.dealer_spread_rate + dealer)
    abroad = np.array([c != terms.home for c in chosen], dtype=bool)
    foreign = np.array([c != o for c, o in zip(chosen, own, strict=True)], dtype=bool)
    at_risk = np.array([1 - (hedged or {}).get(c, 0.0) for c in chosen])
    seldom = terms.unaccustomed_rate * (1 - paid["used_share"].to_numpy(dtype=np.float64))
    spread = np.array([terms.spread(c) for c in chosen])
    charge = at_risk * (spread + np.where(abroad, brand, 0.0)) + np.where(foreign, back, 0.0 * x) + seldom
    return pd.DataFrame({"cost": charge + at_risk * loss, "charge": charge}, index=paid.index)


def _of(moved: pd.DataFrame, names: Names, home: str) -> Array:
    """The move of each row's currency, [n]; 0 at home."""
    table = moved.assign(**{home: 0.0})
    column = table.columns.get_indexer(pd.Index(names, dtype=object))
    values = table.to_numpy(dtype=np.float64)[np.arange(len(table)), np.maximum(column, 0)]
    return np.asarray(np.where(column >= 0, values, np.nan))


def _edges(names: Names, others: Names, days: Array, terms: Terms, daily: Daily) -> Array:
    """The loss that a constant volatility would exceed in `tail_rate` of the cases, [n]."""
    pairs = list(zip(names, others, strict=True))
    volatility = {(a, b): 0.0 if a == b else daily(a, b) for a, b in set(pairs)}
    spread = np.array([volatility[pair] for pair in pairs], dtype=np.float64)
    return np.asarray(-ndtri(terms.tail_rate) * spread * np.sqrt(np.maximum(days * _BUSINESS_SHARE, 1)))


def _tail(loss: Array, edge: Array, terms: Terms) -> Array:
    return np.asarray(edge + np.maximum(loss - edge, 0.0) / terms.tail_rate)
