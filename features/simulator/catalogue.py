"""Catalogue: categories, products and the brand's price list.

A category carries what is true of all its products: how buyers answer to price
(own-price elasticity), when they buy (month of the summer or winter peak, festivals) and
how long the goods last. List prices are suggested retail prices per unit; they step up in
March by what the brand decides for each product, and seldom come down.

>>> goods = Catalogue.draw(World(products=3), Periods.of(World()))
>>> goods.products_table()["category"].tolist()
['beverage', 'dairy', 'snacks']
>>> goods.list_price.shape, bool((goods.list_price > 0).all())
((3, 51), True)
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.grid import numbered, stamps, texts
from features.simulator.periods import Days, Periods
from features.simulator.world import World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


class Category(NamedTuple):
    """What is true of every product of a category."""

    name: str
    elasticity: float  # own price, at the median dealer
    peak_month: float  # 7.5: the middle of July
    swing: float  # amplitude of log demand over the year
    spring_rate: float  # more demand in the three weeks before Spring Festival
    autumn_rate: float  # more demand in the three weeks before Mid-Autumn
    low_price: float
    high_price: float
    shelf_life_days: int


CATEGORIES = (
    Category("beverage", -2.2, 7.5, 0.45, 0.35, 0.15, 3, 15, 365),
    Category("dairy", -1.7, 5.0, 0.10, 0.55, 0.30, 8, 60, 180),
    Category("snacks", -2.5, 12.0, 0.15, 0.90, 0.40, 5, 30, 270),
    Category("liquor", -1.5, 12.5, 0.20, 1.40, 0.80, 60, 400, 3650),
    Category("household", -2.9, 6.0, 0.08, 0.05, 0.00, 10, 50, 1095),
)
_CASES = np.array([6, 12, 24])
_LAUNCH_RATE = 0.15  # of the products are launched during the observed periods
_WORDS = np.array(["经典", "臻选", "清爽", "家庭装", "礼盒", "迷你"])


@dataclass(frozen=True)
class Catalogue:
    """Products [p] and their list prices [p, t]."""

    sku_ids: NDArray[np.str_]  # [p]
    names: NDArray[np.str_]  # [p]
    category: Ints  # [p], position in CATEGORIES
    popularity: Array  # [p], median 1
    slow: NDArray[np.bool_]  # [p]
    case_units: Ints  # [p]
    launches: Ints  # [p], period of the launch; -1: before the first
    launched: Days  # [p]
    list_price: Array  # [p, t]

    @classmethod
    def draw(cls, world: World, periods: Periods) -> Self:
        """Products of a world, the categories in turn."""
        rng = world.rng("catalogue")
        p = world.products
        category = np.arange(p) % len(CATEGORIES)
        late = (rng.random(p) < _LAUNCH_RATE) & (np.arange(p) > 0)
        latest = max(1, min(periods.observed * 2 // 3, periods.observed - 3))
        launches = np.where(late, rng.integers(0, latest, p), -1)
        earlier_days = rng.integers(300, 3000, p).astype("m8[D]")
        words = zip(rng.choice(_WORDS, p), category, strict=True)
        return cls(
            sku_ids=numbered("S", p),
            names=np.array([f"{CATEGORIES[c].name} {word} {i}" for i, (word, c) in enumerate(words, 1)]),
            category=category,
            popularity=np.exp(rng.normal(0, 0.6, p)),
            slow=rng.random(p) < world.slow_share,
            case_units=rng.choice(_CASES, p),
            launches=launches,
            launched=np.where(
                late, periods.starts[np.maximum(launches, 0)], periods.starts[0] - earlier_days
            ),
            list_price=_list_prices(rng, category, periods),
        )

    def products_table(self) -> pd.DataFrame:
        """Canonical table `products`."""
        category_names = np.array([c.name for c in CATEGORIES])
        shelf_life_days = np.array([c.shelf_life_days for c in CATEGORIES])[self.category]
        return pd.DataFrame(
            {
                "sku_id": texts(self.sku_ids, np.arange(len(self.sku_ids))),
                "event_at": stamps(self.launched),
                "known_at": stamps(self.launched),
                "product_name": texts(self.names, np.arange(len(self.names))),
                "category": texts(category_names, self.category),
                "brand_id": "B1",
                "unit": "piece",
                "units_per_case": self.case_units.astype(np.float64),
                "launched_at": stamps(self.launched),
                "shelf_life_days": shelf_life_days.astype(np.float64),
            }
        )


def _list_prices(rng: np.random.Generator, category: Ints, periods: Periods) -> Array:
    """A first price, then a step in each March: -2 to +8 %, [p, t]."""
    low = np.array([c.low_price for c in CATEGORIES])[category]
    high = np.array([c.high_price for c in CATEGORIES])[category]
    first = low * (high / low) ** rng.random(len(category))
    marches = (periods.starts.astype("M8[M]").astype(int) - 2) // 12  # 0 = January 1970
    year = marches - marches[0]
    steps = np.exp(rng.uniform(-0.02, 0.08, (len(category), year[-1] + 1)))
    steps[:, 0] = 1
    return np.asarray(np.round(first[:, None] * np.cumprod(steps, axis=1)[:, year], 2))
