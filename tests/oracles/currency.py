"""Currency, the slow way: recursions as loops, tails by sorting, costs one draw at a time."""

import math

import pandas as pd


def worth(table, currency, home, day):
    """Home units for one unit on a day, from the pair or the pair turned round; None where there is none."""
    for row in table.itertuples():
        if row.rate_date == day and (row.base_currency, row.quote_currency) == (currency, home):
            return row.rate
        if row.rate_date == day and (row.base_currency, row.quote_currency) == (home, currency):
            return 1 / row.rate
    return None


def business_days(first, last):
    """Days from Monday to Friday, from the first to the day before the last."""
    return sum(day.weekday() < 5 for day in pd.date_range(first, last - pd.Timedelta(days=1)))


def garch(returns, base, news, memory, first):
    """Variances [t + 1] by the recursion itself."""
    out = [first]
    for r in returns:
        out.append(base + news * r * r + memory * out[-1])
    return out


def tail_mean(losses, rate):
    """Mean of the worst."""
    worst = sorted(losses, reverse=True)[: max(round(rate * len(losses)), 1)]
    return sum(worst) / len(worst)


def expected_cost(terms, currency, own, moves, days, *, hedged=0.0, used=0.0):
    """Expected cost of one home unit; `moves` are draws of {currency: log of its rate}, without forwards."""
    home = terms.home
    x = [{home: 0.0, **move} for move in moves]
    brand = [1 - math.exp(one[currency]) for one in x]
    dealer = [math.exp(one[currency] - one[own]) - 1 for one in x]
    spread = 0.0 if currency == home else terms.spread_rates.get(currency, terms.spread_rate)
    drift = -terms.forward_rates.get(currency, 0.0) * days / 365
    cost = (1 - hedged) * (
        spread + drift + terms.risk_charge_rate * max(tail_mean(brand, terms.tail_rate), 0)
    )
    if currency != own:
        rise = (terms.forward_rates.get(currency, 0) - terms.forward_rates.get(own, 0)) * days / 365
        risk = terms.risk_charge_rate * max(tail_mean(dealer, terms.tail_rate), 0)
        cost += terms.pass_through_rate * (terms.dealer_spread_rate + rise + risk)
    return cost + terms.unaccustomed_rate * (1 - used)


def paid_cost(terms, paid, daily):
    """What one paid invoice had cost: (all, without the rate's luck); `paid` holds logs of both moves."""
    loss, theirs = 1 - math.exp(paid["x"]), math.exp(paid["x"] - paid["x_own"]) - 1
    z = 1.6448536269514722  # 95 % of a normal
    business = max(paid["days"] * 5 / 7, 1)
    charge = terms.unaccustomed_rate * (1 - paid["used"])
    if paid["chosen"] != terms.home:
        edge = z * daily(paid["chosen"], terms.home) * math.sqrt(business)
        charge += terms.spread(paid["chosen"])
        charge += terms.risk_charge_rate * (edge + max(loss - edge, 0) / terms.tail_rate)
    if paid["chosen"] != paid["own"]:
        edge = z * daily(paid["chosen"], paid["own"]) * math.sqrt(business)
        risk = terms.risk_charge_rate * (edge + max(theirs - edge, 0) / terms.tail_rate)
        charge += terms.pass_through_rate * (terms.dealer_spread_rate + risk)
    return charge + loss, charge
