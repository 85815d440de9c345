"""Promotions: what is planned ahead, and how demand answers.

Two kinds: `discount` is the depth off the price (a fraction); `feature` is a flag (display,
flyer, tasting). The brand plans campaigns by product, more of them before the festivals;
dealers join or not, and a few run small deals of their own. Every period a dealer may sell
has a row, 0 when nothing is planned, so that no plan and no promotion stay apart.

The response to a feature is the dealer's own uplift (log-normal over dealers, so shrinkage
pays); part of it is borrowed from the next period and part from the dealer's other products
of the category. The response to a discount runs through the price (see prices.py).

>>> world = World(promotion_share=1.0)
>>> sum(campaigns(world.rng("x"), world, np.zeros((2, 5)), 1.0).any(axis=1))
np.int64(2)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.catalogue import CATEGORIES, Catalogue
from features.simulator.grid import Grid
from features.simulator.periods import Array
from features.simulator.world import World

DEPTHS = np.array([0.05, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3], dtype=np.float32)
LEAST_UPLIFT, MOST_UPLIFT = 0.2, 1.5
BORROWED_RATE = 0.15  # of the log uplift is missing in the next period
STOLEN_RATE = 0.2  # of the log uplift, shared over the dealer's other products of the category
_OWN_DEAL_RATE = 0.04
_FEATURED_RATE = 0.6  # of the discounted periods
_FEATURE_ALONE_RATE = 0.04


@dataclass(frozen=True)
class Promotions:
    """Plans [n, t] and each dealer's uplift [d]."""

    discount: Array  # [n, t], fraction off the price
    feature: NDArray[np.bool_]  # [n, t]
    uplift: NDArray[np.float32]  # [d], more demand when featured, a fraction

    @classmethod
    def draw(cls, world: World, sold: Assortment, goods: Catalogue, season: Array) -> Self:
        """Plans of a world; `season` [c, t] draws the campaigns towards the peaks."""
        rng = world.rng("promotions")
        grid = sold.grid
        depth = campaigns(rng, world, season[goods.category], grid.periods.per_month)
        joins = rng.beta(4, 2, world.dealers).astype(np.float32)[grid.dealer]
        shape = (grid.n, grid.periods.count)
        taken = rng.random(shape, dtype=np.float32) < joins[:, None]
        discount = depth[grid.product] * taken
        own = (rng.random(shape, dtype=np.float32) < _OWN_DEAL_RATE) & (world.promotion_share > 0)
        discount = np.where(own & (discount == 0), rng.choice(DEPTHS[:3], shape), discount)
        chance = np.where(discount > 0, np.float32(_FEATURED_RATE), np.float32(_FEATURE_ALONE_RATE))
        feature = (rng.random(shape, dtype=np.float32) < chance) & (world.promotion_share > 0)
        uplift = world.uplift_median_rate * np.exp(rng.normal(0, world.uplift_spread, world.dealers))
        return cls(discount, feature, np.clip(uplift, LEAST_UPLIFT, MOST_UPLIFT).astype(np.float32))

    def response(self, grid: Grid, category: NDArray[np.int64]) -> Array:
        """Log demand moved by features: own uplift, less what was borrowed and stolen, [n, t]."""
        own = np.log1p(self.uplift)[grid.dealer][:, None] * self.feature
        borrowed = np.zeros_like(own)
        borrowed[:, 1:] = BORROWED_RATE * own[:, :-1]
        group = grid.dealer * len(CATEGORIES) + category[grid.product]
        return np.asarray(own - borrowed - STOLEN_RATE * _of_the_others(own, group))

    def table(self, sold: Assortment) -> pd.DataFrame:
        """Canonical table `promotions`; a feature that never happens is left out."""
        cells = np.nonzero(sold.planned)
        kinds = {"discount": self.discount, "feature": self.feature.astype(np.float32)}
        used = {kind: plan for kind, plan in kinds.items() if plan.any()} or {"discount": self.discount}
        frames = [sold.grid.plans(cells, value=plan[cells]).assign(kind=kind) for kind, plan in used.items()]
        return pd.concat(frames, ignore_index=True)


def campaigns(rng: np.random.Generator, world: World, season: Array, per_month: float) -> Array:
    """Depth of the brand's campaign for each product and period, [p, t]; 0 without one."""
    chance = world.promotion_share * np.exp(season) / max(1.0, per_month / 2)
    starts = rng.random(season.shape) < chance
    depth = rng.choice(DEPTHS, season.shape) * starts
    if per_month > 1:  # in weeks, a campaign lasts two
        depth[:, 1:] = np.maximum(depth[:, 1:], depth[:, :-1])
    return np.asarray(depth, dtype=np.float32)


def _of_the_others(own: Array, group: NDArray[np.int64]) -> Array:
    """Mean over the other members of each row's group, [n, t]; 0 when alone."""
    total = np.zeros((group.max() + 1, own.shape[1]), dtype=np.float32)
    np.add.at(total, group, own)
    others = np.maximum(np.bincount(group)[group] - 1, 1).astype(np.float32)
    return (total[group] - own) / others[:, None]
