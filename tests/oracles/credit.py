"""Credit, the slow way: one dealer, one moment, row by row."""

import math


def ledger_of(invoices, payments, dealer_id, moment):
    """Open and overdue amounts, ages and punctuality of one dealer as known at a moment."""
    bills = invoices[(invoices["dealer_id"] == dealer_id) & (invoices["known_at"] <= moment)]
    paid = payments[payments["known_at"] <= moment]
    out = {
        "open_amount": 0.0,
        "overdue_amount": 0.0,
        "overdue_30d_amount": 0.0,
        "late": 0,
        "known": 0,
        "days": [],
    }
    for bill in bills.itertuples():
        mine = paid[paid["invoice_id"] == bill.invoice_id].sort_values(["known_at", "payment_id"])
        given = min(max(mine["amount"].sum(), 0.0), max(bill.amount, 0.0))
        rest = bill.amount - given
        out["open_amount"] += rest
        if bill.amount <= 0:
            continue
        today = moment.normalize()
        overdue = (today - bill.due_at.normalize()).days
        out["overdue_amount"] += rest if overdue > 0 else 0.0
        out["overdue_30d_amount"] += rest if overdue > 30 else 0.0
        full = mine[mine["amount"].cumsum() >= 0.99 * bill.amount]
        if len(full):
            days = (full["paid_at"].iloc[0].normalize() - bill.due_at.normalize()).days
            out["days"].append(days)
            out["known"] += 1
            out["late"] += days > 0
        elif overdue > 0:
            out["known"] += 1
            out["late"] += 1
    out["open_amount"] = max(out["open_amount"], 0.0)
    return out


def woe(place, y, prior=1.0):
    """Weight of evidence of each row's bin, counted bin by bin."""
    rate = sum(y) / len(y)
    weights = {}
    for one in set(place):
        mine = [b for p, b in zip(place, y, strict=True) if p == one]
        odds = (sum(mine) + prior * rate) / (len(mine) - sum(mine) + prior * (1 - rate))
        weights[one] = math.log(odds / (rate / (1 - rate)))
    return [weights[p] for p in place]


def limit_of(need, yearly, terms_days, pd_12m, portfolio, policy):
    """The smallest of the three terms, written out."""
    demand = need * (terms_days / 30.44 + policy.billing_months) * policy.headroom
    loss = policy.loss_budget_rate * yearly / (max(pd_12m, 0.0005) * policy.lgd)
    return min(demand, loss, policy.concentration_rate * portfolio)
