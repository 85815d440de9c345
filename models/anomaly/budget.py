"""Budget: which alerts an analyst should look at with the hours there are.

In:   expected loss, minutes of work and status of each alert. Out: rank (1 is first) and whether the
      alert lies inside the budget.

Alerts that wait for work (open, acknowledged) come first, by expected loss per minute, the louder
first when equal. The budget is filled in that order; one that does not fit any more is passed over for
smaller ones behind it. This is Dantzig's rule for the knapsack: never worse than the best by more than the
one alert that did not fit.

>>> rows = pd.DataFrame({"expected_loss_amount": [10.0, 90.0, 50.0], "minutes": [10, 60, 30],
...                      "status": "open", "alert_id": list("abc")})
>>> planned(rows, hours=1.0)[["rank", "in_budget"]].values.tolist()
[[3, True], [2, False], [1, True]]
"""

import pandas as pd

WAITING = ("open", "acknowledged")


def planned(alerts: pd.DataFrame, *, hours: float) -> pd.DataFrame:
    """The alerts with rank and in_budget, in the order given."""
    waiting = alerts["status"].isin(WAITING)
    order = alerts.assign(
        _done=~waiting,
        _worth=-alerts["expected_loss_amount"] / alerts["minutes"],
        _loss=-alerts["expected_loss_amount"],
    ).sort_values(["_done", "_worth", "_loss", "alert_id"], kind="stable")
    left, inside = hours * 60, {}
    for name, minutes, done in zip(order.index, order["minutes"], order["_done"], strict=True):
        inside[name] = bool(not done and minutes <= left)
        left -= minutes if inside[name] else 0
    rank = pd.Series(range(1, len(order) + 1), index=order.index)
    return alerts.assign(rank=rank, in_budget=pd.Series(inside, dtype=bool).reindex(alerts.index))
