"""Remaining: what an account still buys until a programme ends, as draws.

The ratio of what was bought to the pace (models.rebate.pace), over windows of the past that are over, is
the whole belief: a forest groups past windows that looked alike (signs of the account, length of the
window, change of the top rate on offer), and a draw takes the ratio of one of them, from the leaf of one
tree. So the draws are as spread, as skewed and as often zero as what happened to accounts like this one.

    windows that begin now               total = pace x ratio
    with draws of demand for the first   the first months are those draws; the months after them are
    months                               pace x ratio, of past windows whose first months went alike

Longer windows have wider ratios because past ones had: uncertainty grows as it did. How wide in all is then
put right: a forest of windows that were over a year ago says where those of the last year fell among its
draws, and draws are drawn towards (or away from) their middle until as many would have fallen inside.
Shapes: n accounts, t months, s draws; amounts in the account's currency.
Source: Meinshausen (2006), Quantile regression forests, JMLR 7.
Limits: a year like none before is not foreseen; windows longer than `MOST_MONTHS` are as wide as those.
Errors: models.errors.NotFitted, features.errors.TooFewRows.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from features.errors import TooFewRows
from models.errors import NotFitted
from models.rebate.pace import Array, begun, expected, signs
from models.rebate.together import PRIOR, agreement, even

FIRST_MONTHS = 3  # of a window that draws of demand may cover
MOST_MONTHS = 18
LEAST_HISTORY = 6  # months before a window
LEAST_ROWS = 200
LEAF_ROWS = 20
TREES = 60
MOST_ROWS = 12_000
REHEARSED_MONTHS = 12
_LEAST_RATIO, _MOST_RATIO = 0.05, 8.0
_GRID = np.linspace(0, 1, 21)  # distance from the middle of a distribution: 0 median, 1 either end
_PRIOR_ACCOUNTS = 10.0  # that "as wide as the forest says" is worth


@dataclass(frozen=True, kw_only=True)
class Past:
    """Monthly purchases of n accounts, stock cover, and the top rate on offer."""

    amounts: Array  # [n, t]
    cover: Array  # [n, t]
    top_rate: Array  # [n, t + more]
    first_month: int

    def upto(self, t: int) -> "Past":
        """The first t months of it; ladders as they were on offer."""
        return Past(
            amounts=self.amounts[:, :t],
            cover=self.cover[:, :t],
            top_rate=self.top_rate,
            first_month=self.first_month,
        )

    def take(self, rows: NDArray[np.intp]) -> "Past":
        """Some of the accounts."""
        return Past(
            amounts=self.amounts[rows],
            cover=self.cover[rows],
            top_rate=self.top_rate[rows],
            first_month=self.first_month,
        )


@dataclass(kw_only=True)
class Remaining:
    """Two forests over past windows: those that begin now, and those whose first months are told."""

    trees: int = TREES
    most_rows: int = MOST_ROWS
    seed: int = 0
    whole_: "Leaves | None" = field(default=None, init=False, repr=False)
    after_: "Leaves | None" = field(default=None, init=False, repr=False)
    most_months_: int = field(default=0, init=False)
    reach_: Array = field(default_factory=_GRID.copy, init=False, repr=False)  # see `_GRID`
    together_: float = field(default=PRIOR, init=False)  # how far accounts miss in the same windows

    def fit(self, past: Past) -> Self:
        """Learn from every window that is over."""
        rng = np.random.default_rng(self.seed)
        windows = _windows(past, rng)
        if len(windows.ratio) < LEAST_ROWS:
            raise TooFewRows("Past windows of purchases", LEAST_ROWS, len(windows.ratio))
        self.most_months_ = int(windows.months.max())
        self.whole_ = self._leaves(windows.x, windows.ratio, rng)
        long = np.isfinite(windows.after) & np.isfinite(windows.first)
        told = np.column_stack([windows.x, windows.first])[long]
        self.after_ = self._leaves(told, windows.after[long], rng) if long.sum() >= LEAST_ROWS else None
        self.reach_, self.together_ = self._rehearsed(windows, past.amounts.shape[1], rng)
        return self

    def draw(self, past: Past, months: Array, *, count: int, seed: int) -> Array:
        """Purchases of the coming `months` [n] (parts of a month count in part), [n, s]."""
        if self.whole_ is None:
            raise NotFitted(self)
        rng = np.random.default_rng(seed)
        pace = _pace(past, months)
        ratio = self.whole_.draw(_asked(past, self._within(months)), count, rng, self.together_)
        return np.asarray(pace[:, None] * _drawn_in(ratio, self.reach_))

    def after(self, past: Past, months: Array, first: Array, *, seed: int) -> Array:
        """Purchases after the first months, given those [n, s], until `months` [n] are over, [n, s]."""
        if self.whole_ is None:
            raise NotFitted(self)
        rng, count = np.random.default_rng(seed), first.shape[1]
        begins = np.full(len(months), float(FIRST_MONTHS))
        near, all_of_it = _pace(past, begins), _pace(past, months)
        rest = np.maximum(all_of_it - near, 0.0)
        x = _asked(past, self._within(months))
        if self.after_ is None:
            return np.asarray(rest[:, None] * self.whole_.draw(x, count, rng, self.together_))
        told = _log_ratio(first, near[:, None])
        return np.asarray(rest[:, None] * self.after_.draw_told(x, told, self.reach_, rng, self.together_))

    def _rehearsed(self, windows: "_Windows", t: int, rng: np.random.Generator) -> tuple[Array, float]:
        """How far from the middle the last year's windows fell, by the grid; how far together."""
        over = windows.start + windows.months <= t - REHEARSED_MONTHS
        asked = np.flatnonzero(windows.start >= t - REHEARSED_MONTHS)
        if over.sum() < LEAST_ROWS or not len(asked):
            return _GRID.copy(), PRIOR
        asked = np.sort(rng.permutation(asked)[: self.most_rows // 4])
        before = self._leaves(windows.x[over], windows.ratio[over], rng)
        place = before.place(windows.x[asked], windows.ratio[asked], rng)
        found = np.quantile(np.abs(2 * place - 1), _GRID)
        window = (windows.start[asked] * 100 + windows.months[asked]).astype(np.int64)
        accounts = len(asked) / max(len(np.unique(window)), 1)
        share = accounts / (accounts + _PRIOR_ACCOUNTS)
        return np.asarray(share * found + (1 - share) * _GRID), agreement(place, window)

    def _within(self, months: Array) -> Array:
        return np.minimum(months, self.most_months_)

    def _leaves(self, x: Array, ratio: Array, rng: np.random.Generator) -> "Leaves":
        if len(x) > self.most_rows:
            kept = np.sort(rng.choice(len(x), self.most_rows, replace=False))
            x, ratio = x[kept], ratio[kept]
        return Leaves(trees=self.trees, seed=self.seed).fit(x, ratio)


@dataclass(kw_only=True)
class Leaves:
    """A forest that keeps, in each leaf, the ratios that fell into it."""

    trees: int
    seed: int
    forest_: RandomForestRegressor = field(init=False, repr=False)
    members_: list[tuple[NDArray[np.intp], Array]] = field(init=False, repr=False)  # begins, ratios by leaf

    def fit(self, x: Array, ratio: Array) -> Self:
        """Group rows that looked alike by how their ratios went."""
        self.forest_ = RandomForestRegressor(
            n_estimators=self.trees,
            min_samples_leaf=LEAF_ROWS,
            max_features=0.5,
            random_state=self.seed,
            n_jobs=1,
        ).fit(x, np.log(np.maximum(ratio, _LEAST_RATIO)))
        self.members_ = [_by_leaf(leaf, ratio) for leaf in self.forest_.apply(x).T]
        return self

    def draw(self, x: Array, count: int, rng: np.random.Generator, together: float = 0.0) -> Array:
        """Ratios of rows alike, [n, s]; draws of one tree lie evenly in its leaf."""
        leaf = self.forest_.apply(x)  # [n, trees]
        order = np.arange(count) % self.trees
        u = even(len(x), count, rng, together)
        out = np.empty((len(x), count))
        for tree in range(min(self.trees, count)):
            mine = np.flatnonzero(order == tree)
            out[:, mine] = _members(self.members_[tree], leaf[:, tree, None], u[:, mine])
        return out

    def place(self, x: Array, ratio: Array, rng: np.random.Generator) -> Array:
        """Where ratios lie among those alike, 0 to 1, by chance among equals, [n]."""
        leaf, chance = self.forest_.apply(x), rng.random(len(x))
        share = np.zeros(len(x))
        for (begins, held), mine in zip(self.members_, leaf.T, strict=True):
            key = np.repeat(np.arange(len(begins) - 1), np.diff(begins)) * (2 * _MOST_RATIO) + held
            wanted = mine * (2 * _MOST_RATIO) + ratio
            low, high = (np.searchsorted(key, wanted, side) - begins[mine] for side in ("left", "right"))
            share += (low + chance * (high - low)) / (begins[mine + 1] - begins[mine])
        return np.asarray(share / len(self.members_))

    def draw_told(
        self, x: Array, told: Array, reach: Array, rng: np.random.Generator, together: float = 0.0
    ) -> Array:
        """Where the last column differs by draw, and draws reach so far from the middle, [n, s]."""
        n, count = told.shape
        u = _moved(even(n, count, rng, together), reach)
        out = np.empty((n, count))
        for tree in range(min(self.trees, count)):
            mine = np.arange(tree, count, self.trees)
            rows = np.column_stack([np.repeat(x, len(mine), axis=0), told[:, mine].ravel()])
            leaf = self.forest_.estimators_[tree].apply(rows.astype(np.float32)).reshape(n, len(mine))
            out[:, mine] = _members(self.members_[tree], leaf, u[:, mine])
        return out


@dataclass(frozen=True, kw_only=True)
class _Windows:
    x: Array  # [w, signs and what is asked]
    start: Array  # [w] months on record before it
    months: Array  # [w]
    ratio: Array  # [w] of the whole window
    first: Array  # [w] log ratio of the first months; NaN in a window without more
    after: Array  # [w] ratio of the months after them


def _windows(past: Past, rng: np.random.Generator) -> _Windows:
    """Every account, beginning and length that is over; a third of the lengths, drawn."""
    parts: list[_Windows] = []
    t = past.amounts.shape[1]
    for start in range(LEAST_HISTORY, t):
        then = past.upto(start)
        most = min(MOST_MONTHS, t - start)
        seen = signs(then.amounts, then.cover, first_month=then.first_month)
        pace = expected(then.amounts, first_month=then.first_month, ahead=most)  # [n, most]
        use = begun(then.amounts)[:, -LEAST_HISTORY] & (pace.sum(axis=1) > 0)
        for months in np.flatnonzero(rng.random(most) < 1 / 3) + 1:
            x = np.column_stack([seen, *_asked_of(then, np.full(len(seen), float(months)))])[use]
            bought = past.amounts[use, start : start + months]
            parts.append(_window(x, bought, pace[use, :months], start))
    if not parts:
        nothing = np.empty(0)
        return _Windows(
            x=nothing[:, None], start=nothing, months=nothing, ratio=nothing, first=nothing, after=nothing
        )
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    return _Windows(**joined)


def _window(x: Array, bought: Array, pace: Array, start: int) -> _Windows:
    """Windows of one beginning and length: purchases and pace by month, [w, months]."""
    count, months = bought.shape
    more = months > FIRST_MONTHS
    near, rest = slice(None, FIRST_MONTHS), slice(FIRST_MONTHS, None)
    none = np.full(count, np.nan)
    return _Windows(
        x=x,
        start=np.full(count, float(start)),
        months=np.full(count, float(months)),
        ratio=_ratio(bought.sum(axis=1), pace.sum(axis=1)),
        first=_log_ratio(bought[:, near].sum(axis=1), pace[:, near].sum(axis=1)) if more else none,
        after=_ratio(bought[:, rest].sum(axis=1), pace[:, rest].sum(axis=1)) if more else none,
    )


def _asked(past: Past, months: Array) -> Array:
    """Signs, length of the window, and by how much the top rate on offer changes, [n, columns]."""
    seen = signs(past.amounts, past.cover, first_month=past.first_month)
    return np.column_stack([seen, *_asked_of(past, months)])


def _asked_of(past: Past, months: Array) -> tuple[Array, Array]:
    return months, _rate_change(past, months)


def _rate_change(past: Past, months: Array) -> Array:
    """Mean top rate of the coming months less that of the last twelve; 0 where none was on offer."""
    t = past.amounts.shape[1]
    before = _mean_rate(past.top_rate[:, max(t - 12, 0) : t])
    reach = np.arange(past.top_rate.shape[1] - t)[None, :] < np.ceil(months)[:, None]
    coming = _mean_rate(np.where(reach, past.top_rate[:, t:], np.nan))
    return np.where(np.isnan(before) | np.isnan(coming), 0.0, coming - before)


def _mean_rate(rates: Array) -> Array:
    count = np.isfinite(rates).sum(axis=1)
    return np.where(count > 0, np.nansum(rates, axis=1) / np.maximum(count, 1), np.nan)


def _pace(past: Past, months: Array) -> Array:
    """Expected purchases of the coming months, the last one in part, [n]."""
    ahead = max(int(np.ceil(months.max(initial=0.0))), 1)
    pace = expected(past.amounts, first_month=past.first_month, ahead=ahead)
    share = np.clip(months[:, None] - np.arange(ahead)[None, :], 0, 1)
    return np.asarray((pace * share).sum(axis=1))


def _ratio(bought: Array, pace: Array) -> Array:
    return np.asarray(np.clip(bought / np.maximum(pace, 1e-9), 0.0, _MOST_RATIO))


def _log_ratio(bought: Array, pace: Array) -> Array:
    return np.asarray(np.log(np.maximum(_ratio(bought, pace), _LEAST_RATIO)))


def _by_leaf(leaf: NDArray[np.intp], ratio: Array) -> tuple[NDArray[np.intp], Array]:
    """Ratios by leaf and rising within it, and where each leaf begins."""
    order = np.lexsort((ratio, leaf))
    count = np.bincount(leaf)
    return np.append(0, np.cumsum(count)).astype(np.intp), ratio[order]


def _members(held: tuple[NDArray[np.intp], Array], leaf: NDArray[np.intp], u: Array) -> Array:
    """The ratio at each u of a leaf."""
    begins, ratios = held
    size = begins[leaf + 1] - begins[leaf]
    return np.asarray(ratios[begins[leaf] + np.minimum((u * size).astype(np.intp), size - 1)])


def _drawn_in(draws: Array, reach: Array) -> Array:
    """Each row's draws at the distances from its middle that `reach` gives, in their order, [n, s]."""
    count = draws.shape[1]
    order = np.argsort(draws, axis=1, kind="stable")
    rising = np.take_along_axis(draws, order, axis=1)
    place = _moved((np.arange(count) + 0.5) / count, reach) * count - 0.5
    below = np.clip(np.floor(place).astype(np.intp), 0, count - 1)
    share = np.clip(place - below, 0.0, 1.0)
    above = np.minimum(below + 1, count - 1)
    moved = rising[:, below] * (1 - share) + rising[:, above] * share
    out = np.empty_like(draws)
    np.put_along_axis(out, order, moved, axis=1)
    return out


def _moved(u: Array, reach: Array) -> Array:
    away = np.interp(np.abs(2 * u - 1), _GRID, reach)
    return np.asarray(0.5 + np.sign(u - 0.5) * away / 2)
