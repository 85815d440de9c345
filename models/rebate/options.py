"""Options: what each dealer may be given, what it brings and costs, and the limits on all of it.

    Options   gain [n, k], one or several costs [n, k], worth [n, k] (to the dealer; default: the first cost)
    Limits    a budget for each cost; caps on the first cost by region; least worth by dealer or group

`Problem` is both, checked, options first ([k, n]) because everything walks over options and then over all
dealers at once. float32 stays float32 (half the memory, the same sums: those are float64); all else becomes
float64. A forbidden option has a gain of minus infinity.

Errors: BadOptions (empty, not finite, negative cost, shapes or names that do not fit), Infeasible (limits
        that not even the cheapest plan keeps).

>>> Problem.of(Options(gain=np.array([[0.0, 3.0]]), costs=[np.array([[0.0, 2.0]])]), Limits(budgets=[-1.0]))
Traceback (most recent call last):
    ...
models.rebate.options.BadOptions: budgets[0] is a number of 0 or more; got -1. Give what may be spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import hint
from models.errors import ModelError
from models.rebate.running import sums

Array = NDArray[Any]  # float32 or float64
Codes = NDArray[np.intp]
MOST_OPTIONS = 1_000
FLOOR = "least_group_worth"


class BadOptions(ModelError):
    """Options or limits that cannot be meant."""


class Infeasible(ModelError):
    """No plan keeps these limits."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What each of n dealers may be given: k options, one of which it gets."""

    gain: ArrayLike  # [n, k]
    costs: Sequence[ArrayLike]  # one [n, k] for each budget
    worth: ArrayLike | None = None  # [n, k] what a dealer has of it; default: the first cost


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a plan has to keep."""

    budgets: Sequence[float]  # one for each cost
    regions: Sequence[str] | None = None  # [n]
    region_caps: Mapping[str, float] = field(default_factory=dict)  # of the first cost
    least_worth: ArrayLike | None = None  # one for all, or [n]: of each dealer
    groups: Sequence[str] | None = None  # [n]
    least_group_worth: Mapping[str, float] = field(default_factory=dict)  # of the sum over a group


@dataclass(frozen=True, kw_only=True)
class Use:
    """One kind of limit: the sum of `amount` over the dealers of each code stays within its cap."""

    name: str
    amount: Array = field(repr=False)  # [k, n]
    code: Codes = field(repr=False)  # [n]
    cap: NDArray[np.float64]  # [g]

    def spent(self, at: NDArray[Any]) -> NDArray[np.float64]:
        """Sum of each code under the options `at` [n]."""
        chosen = np.take_along_axis(self.amount, at[None, :].astype(np.intp), axis=0)[0]
        return sums(chosen, self.code, len(self.cap))


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Options and limits that fit each other."""

    gain: Array = field(repr=False)  # [k, n]; -inf: forbidden
    costs: Sequence[Array] = field(repr=False)  # [k, n] each
    budgets: NDArray[np.float64]
    region: Codes = field(repr=False)  # [n]
    region_cap: NDArray[np.float64]  # [r]; inf: none
    floors: Sequence[Use] = ()  # least worth of groups, as a use below zero

    @classmethod
    def of(cls, options: Options, limits: Limits) -> Self:
        """Checked and turned."""
        gain = _matrix(options.gain, "gain")
        if not options.costs:
            raise BadOptions("costs is empty. Give a cost [n, k] for each budget.")
        costs = [_matrix(c, f"costs[{b}]", like=gain, least=0.0) for b, c in enumerate(options.costs)]
        worth = costs[0] if options.worth is None else _matrix(options.worth, "worth", like=gain)
        region, names = _codes(limits.regions, "regions", gain.shape[1])
        cap = _by_name(limits.region_caps, names, "region_caps", np.inf)
        return cls(
            gain=_allowed(gain, worth, limits.least_worth),
            costs=costs,
            budgets=_budgets(limits.budgets, len(costs)),
            region=region,
            region_cap=cap,
            floors=_floors(worth, limits),
        )

    @property
    def n(self) -> int:
        """Dealers."""
        return int(self.gain.shape[1])

    @property
    def k(self) -> int:
        """Options of each."""
        return int(self.gain.shape[0])

    def uses(self) -> list[Use]:
        """Every limit in one shape: budgets, then regional caps, then floors of groups."""
        all_ = np.zeros(self.n, np.intp)
        found = [
            Use(name=f"budgets[{b}]", amount=cost, code=all_, cap=self.budgets[[b]])
            for b, cost in enumerate(self.costs)
        ]
        if np.isfinite(self.region_cap).any():
            found.append(Use(name="region_caps", amount=self.costs[0], code=self.region, cap=self.region_cap))
        return [*found, *self.floors]

    def gained(self, at: NDArray[Any]) -> float:
        """Sum of gains of a plan `at` [n]."""
        return float(np.take_along_axis(self.gain, at[None, :].astype(np.intp), axis=0).sum(dtype=np.float64))


def _matrix(given: ArrayLike, name: str, *, like: Array | None = None, least: float = -np.inf) -> Array:
    values = np.asarray(given)
    values = values if values.dtype == np.float32 else values.astype(np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise BadOptions(f"{name} is a table of dealers x options, at least one of each; got {values.shape}.")
    if values.shape[1] > MOST_OPTIONS:
        raise BadOptions(f"{name} has at most {MOST_OPTIONS} options a dealer; got {values.shape[1]}.")
    if like is not None and values.shape != like.shape[::-1]:
        raise BadOptions(f"{name} has the shape of gain, {like.shape[::-1]}; got {values.shape}.")
    if not np.isfinite(values).all():
        i, j = np.argwhere(~np.isfinite(values))[0]
        raise BadOptions(f"{name}[{i}][{j}] is not a finite number. Leave out options that are not known.")
    if values.min() < least:
        i, j = np.argwhere(values < least)[0]
        raise BadOptions(f"{name}[{i}][{j}] is a number of {least:g} or more. Give costs without their sign.")
    return np.ascontiguousarray(values.T)


def _budgets(given: Sequence[float], costs: int) -> NDArray[np.float64]:
    budgets = np.asarray(given, np.float64).reshape(-1)
    if len(budgets) != costs:
        raise BadOptions(f"There is one budget for each cost: {costs}; got {len(budgets)}.")
    wrong = np.flatnonzero(~(budgets >= 0) | np.isinf(budgets))
    if len(wrong):
        b = wrong[0]
        raise BadOptions(
            f"budgets[{b}] is a number of 0 or more; got {budgets[b]:g}. Give what may be spent."
        )
    return budgets


def _codes(names: Sequence[str] | None, field_: str, n: int) -> tuple[Codes, list[str]]:
    if names is None:
        return np.zeros(n, np.intp), []
    if len(names) != n:
        raise BadOptions(f"{field_} names one for each dealer: {n}; got {len(names)}.")
    code, known = pd.factorize(np.asarray(names), sort=True)
    return code.astype(np.intp), [str(name) for name in known]


def _by_name(
    given: Mapping[str, float], names: list[str], field_: str, otherwise: float
) -> NDArray[np.float64]:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise BadOptions(
            f"{field_} names {unknown[0]!r}, which no dealer has; expected some of {names[:5]}."
            f"{hint(unknown[0], names)}"
        )
    values = np.array([given.get(name, otherwise) for name in names] or [otherwise], np.float64)
    if (np.isnan(values) | (values < 0)).any():
        raise BadOptions(f"{field_} holds numbers of 0 or more; found one that is not.")
    return values


def _allowed(gain: Array, worth: Array, least: ArrayLike | None) -> Array:
    """Gains, forbidden where an option is worth less than its dealer must have."""
    if least is None:
        return gain
    floor = np.broadcast_to(np.asarray(least, np.float64), (gain.shape[1],))
    open_ = worth >= floor
    lost = np.flatnonzero(~open_.any(axis=0))
    if len(lost):
        raise Infeasible(
            f"{len(lost)} dealers, the first at [{lost[0]}], have no option worth least_worth "
            f"({floor[lost[0]]:g}); their best is worth {worth[:, lost[0]].max():g}. Lower it or add options."
        )
    return np.where(open_, gain, gain.dtype.type(-np.inf))


def _floors(worth: Array, limits: Limits) -> list[Use]:
    if not limits.least_group_worth:
        return []
    code, names = _codes(limits.groups, "groups", worth.shape[1])
    least = _by_name(limits.least_group_worth, names, "least_group_worth", 0.0)
    best = sums(worth.max(axis=0), code, len(least))
    for g in np.flatnonzero(best < least):
        raise Infeasible(
            f"least_group_worth of {names[g]!r} is {least[g]:g}; all its dealers together reach {best[g]:g} "
            "at most. Lower it, or add options."
        )
    cap = np.where(least > 0, -least, np.inf)
    return [Use(name=FLOOR, amount=-worth, code=code, cap=cap)]
