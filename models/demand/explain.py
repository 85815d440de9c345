"""Explain: why a forecast is what it is, as drivers in units that add up to it.

The path from nothing to the stated mean, each step exact:

1. `level`            units that the trees expect of any series of this size: level x exp(expectation)
2. families of the trees (recent sales, season, dealer and product, signals, past plans): TreeSHAP effects
   are sums in logs; their worth in units is the Shapley value over families (see `shapley`), so that 1 and
   2 add up to the trees' own forecast
3. `member.<name>`    weight x (its forecast - the trees'): what each other member pulls
4. `calibration`      (factor - 1) x the blend: the correction of the blend's past bias
5. `price`, `promotion`   1 to 4 are told of the question without plans (see `withheld`); then the
   whole model is asked with the planned prices, and with the promotions too: what each time is added

So `mean - promotion` is exactly what the model says without the promotion. A series that a fallback
answered has two drivers: `dealer_product`, what its analogues sell, and `recent_sales`. Without trees
among the members, `level` is the series' own and every member pulls from there.

In:   a fitted DemandModel, a panel (plans complete as for `predict`), the position of one series.
Out:  `Explanation`: drivers, members and their weights, elasticity terms, counterfactuals, periods of the
      past that were alike; arrays are [h], units.
Errors: NotFitted, HorizonTooLong, MissingPlans, as `predict`.
Limits: contributions say what the model used, not what causes demand. Prices are taken before
        promotions, so what both do together is counted with the promotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel
from features.windows import level
from models.demand.boosted import Boosted
from models.demand.forecast import Forecast
from models.demand.likeness import nearest
from models.demand.members import Member
from models.demand.segments import Segments
from models.demand.shapley import shapley
from models.demand.stack import Stack
from models.demand.withheld import without_plans, without_promotions

Array = NDArray[np.float64]
FAMILIES = {
    "recent_sales": "what was sold lately, against the usual size",
    "season": "the time of the year and the calendar",
    "dealer_product": "this dealer and this product, and how their groups move",
    "signals": "what was observed beside sales",
    "past_plans": "prices and promotions of the past, that recent sales still show",
}
TEXTS = FAMILIES | {
    "level": "the size of the series, all else as usual",
    "calibration": "the correction of the blend's past bias",
    "price": "planned prices, against the usual ones of the last year",
    "promotion": "planned promotions, against none",
}
_BLOCKS = {
    "lags": "recent_sales",
    "windows": "recent_sales",
    "intermittency": "recent_sales",
    "seasonality": "season",
    "calendar": "season",
    "hierarchy": "dealer_product",
    "signals": "signals",
    "plans": "past_plans",
}
_SEASONAL = ("shape_", "year_ago", "around_")
_TOLD_COLUMNS = 8


class Explainable(Protocol):
    """What is read of a demand model."""

    members_: Mapping[str, Member] | None
    horizon_: int
    stack_: Stack
    segments_: Segments

    def predict(self, panel: Panel, *, horizon: int | None = None) -> Forecast: ...

    def ready(self, panel: Panel, steps: int) -> Panel: ...


@dataclass(frozen=True, kw_only=True)
class Term:
    """What the elasticity says of one plan: units move by the factor exp(coefficient x change)."""

    plan: str
    coefficient: float
    change: Array  # [h] of the log price, or of the promotion, against the usual of the last year

    @property
    def factor(self) -> Array:
        """On units, [h]."""
        return np.exp(self.coefficient * self.change)


@dataclass(frozen=True, kw_only=True)
class Alike:
    """A period of the past that was like one that is forecast."""

    period: pd.Timestamp
    units: float
    distance: float
    plans: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why one series' forecast is what it is."""

    unique_id: str
    cutoff: pd.Timestamp
    periods: pd.DatetimeIndex  # [h]
    mean: Array  # [h] units
    note: str
    drivers: Mapping[str, Array]  # code -> [h] units; they add up to `mean`
    without: Mapping[str, Array]  # "promotion", "plans" -> [h] the mean of the model asked without
    members: Mapping[str, Array]  # name -> [h] units
    weights: Mapping[str, float]  # name -> share of the blend
    factor: float  # on the blend
    columns: Mapping[str, Array]  # the trees' strongest columns -> [h] effect, in logs
    terms: tuple[Term, ...]
    alike: tuple[tuple[Alike, ...], ...]  # [h]

    def frame(self) -> pd.DataFrame:
        """One row a period and driver: ds, code, units, text."""
        rows = [(ds, c, v[j], text(c)) for j, ds in enumerate(self.periods) for c, v in self.drivers.items()]
        return pd.DataFrame(rows, columns=["ds", "code", "units", "text"])


def explain(model: Explainable, panel: Panel, row: int, *, horizon: int | None = None) -> Explanation:
    """Why the forecast of the series at position `row` of the panel is what it is."""
    steps = model.horizon_ if horizon is None else horizon
    asked = model.ready(panel.take(np.array([row] * 3)), steps)
    told = model.predict(_variants(asked), horizon=steps)  # [as asked, without promotions, without plans]
    one = asked.take(np.array([0]))
    layers = np.stack([values[2] for values in told.members.values()], axis=1)[None]  # [1, h, m]
    segment = model.segments_.names(one.y, one.freq.season)
    share = model.stack_.shares(layers, segment)[0]  # [h, m]
    trees = _trees(model)
    drivers, columns = _fallback(model, one, told) if told.notes[2] else _blended(one, told, share, trees)
    drivers |= {"price": told.mean[1] - told.mean[2], "promotion": told.mean[0] - told.mean[1]}
    return Explanation(
        unique_id=str(told.ids[0]),
        cutoff=told.cutoff,
        periods=told.periods,
        mean=told.mean[0],
        note=str(told.notes[0]),
        drivers=drivers,
        without={"promotion": told.mean[1], "plans": told.mean[2]},
        members={name: values[0] for name, values in told.members.items()},
        weights=dict(zip(told.members, share.mean(axis=0).tolist(), strict=True)),
        factor=float(model.stack_.factor(segment)[0]),
        columns=columns,
        terms=_terms(trees[1], one, steps) if trees else (),
        alike=_alike(one, steps),
    )


def text(code: str) -> str:
    """A driver in words.

    >>> text("member.ets")
    'ets against the trees'
    """
    return f"{code.removeprefix('member.')} against the trees" if code.startswith("member.") else TEXTS[code]


def family(column: str) -> str:
    """The family of a column of the trees.

    >>> family("lags.1"), family("candidates.planned_year_ago_growth"), family("hierarchy.shape_sku_id")
    ('recent_sales', 'season', 'season')
    """
    block, _, name = column.partition(".")
    if block in ("candidates", "hierarchy") and name.removeprefix("planned_").startswith(_SEASONAL):
        return "season"
    return _BLOCKS.get(block, "recent_sales")


def _variants(asked: Panel) -> Panel:
    """Three rows of one series: as asked, without promotions, without plans."""
    bare, none = without_promotions(asked).plans, without_plans(asked).plans
    plans = {k: np.stack([v[0], bare[k][1], none[k][2]]) for k, v in asked.plans.items()}
    return replace(asked, plans=plans)


def _blended(
    one: Panel, told: Forecast, share: Array, trees: tuple[str, Boosted] | None
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Drivers of the question without plans, and the trees' strongest columns."""
    bare = replace(one, plans=without_plans(one).plans)
    steps = len(told.periods)
    start = level(one.y, one.freq.season) * np.ones(steps)
    drivers, columns = {"level": start}, dict[str, Array]()
    if trees:
        start = told.members[trees[0]][2]
        drivers, columns = _families(trees[1], bare, steps)
    blend = np.zeros(steps)
    for j, (name, values) in enumerate(told.members.items()):
        blend += share[:, j] * np.nan_to_num(values[2])
        if not trees or name != trees[0]:
            pull = np.where(share[:, j] > 0, share[:, j] * (values[2] - start), 0.0)
            drivers[f"member.{name}"] = pull
    return drivers | {"calibration": told.mean[2] - blend}, columns


def _families(trees: Boosted, bare: Panel, steps: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """The trees' forecast as the worth of its families, [h] each."""
    added, size, in_logs = trees.contributions(bare)
    added = added[:steps]
    owner = np.array([family(name) for name in trees.names_])
    present = [name for name in FAMILIES if (owner == name).any()]
    effects = np.stack([added[:, :-1][:, owner == name].sum(axis=1) for name in present], axis=1)
    link = np.exp if in_logs else np.asarray
    drivers = {"level": size[0] * link(added[:, -1])}
    worth = size[0] * shapley(added[:, -1], effects, link)
    drivers |= {name: worth[:, j] for j, name in enumerate(present)}
    order = np.argsort(-np.abs(added[:, :-1]).mean(axis=0))[:_TOLD_COLUMNS]
    return drivers, {trees.names_[j]: added[:, j] for j in order}


def _fallback(model: Explainable, one: Panel, told: Forecast) -> tuple[dict[str, Array], dict[str, Array]]:
    """Drivers of a forecast by analogues: what others sell, and what its own sales move."""
    unseen = replace(one, y=np.full_like(one.y, np.nan))
    usual = model.predict(unseen, horizon=len(told.periods)).mean[0]
    return {"dealer_product": usual, "recent_sales": told.mean[2] - usual}, {}


def _trees(model: Explainable) -> tuple[str, Boosted] | None:
    found = [(name, m) for name, m in (model.members_ or {}).items() if isinstance(m, Boosted)]
    return found[0] if found else None


def _terms(trees: Boosted, one: Panel, steps: int) -> tuple[Term, ...]:
    response = trees.response_
    beta, change = response.coefficients(one)[0], response.change(one, steps)[0, one.t :]
    names = response.names_ or ()
    return tuple(
        Term(plan=name, coefficient=float(beta[j]), change=change[:, j]) for j, name in enumerate(names)
    )


def _alike(one: Panel, steps: int) -> tuple[tuple[Alike, ...], ...]:
    days = one.periods()
    return tuple(
        tuple(
            Alike(
                period=days[t],
                units=float(one.y[0, t]),
                distance=distance,
                plans={k: float(v[0, t]) for k, v in one.plans.items() if np.isfinite(v[0, t])},
            )
            for t, distance in found
        )
        for found in nearest(one, steps)
    )
