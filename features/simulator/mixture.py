"""Mixture: how strong each trouble and each disguise is in a world to judge detectors on.

Every seed has its own strengths, so that a threshold learned on some worlds has to hold in others.
Values are fields of `World`; sizes were chosen so that simple peers reach what they reach elsewhere
(docs/diversion.md).

>>> one, other = (diversion_mixture(np.random.default_rng(seed)) for seed in (1, 2))
>>> one["scan_coverage_share"] != other["scan_coverage_share"]
True
"""

import numpy as np

Fields = dict[str, int | float]

_RANGES = {
    "size_spread": (0.6, 1.0),
    "noise_spread": (0.1, 0.2),
    "promotion_share": (0.05, 0.2),
    "shock_share": (0.1, 0.35),
    "loading_share": (0.2, 0.6),
    "breach_share": (0.05, 0.2),
    "attacks_per_year": (0.1, 0.3),
    "wars_per_year": (0.1, 0.4),
    "decoys_per_year": (0.1, 0.4),
    "project_rate": (0.002, 0.008),
    "diversion_least_rate": (0.1, 0.3),
    "diversion_most_rate": (1.0, 2.2),
    "diversion_seller_share": (0.2, 0.6),
    "diversion_far_share": (0.2, 0.6),
    "diversion_several_share": (0.1, 0.3),
    "diversion_wide_share": (0.1, 0.5),
    "diversion_price_rate": (0.1, 0.5),
    "stripping_share": (0.3, 0.6),
    "unreported_share": (0.0, 0.3),
    "travel_rate": (0.02, 0.06),
    "travel_spread": (0.4, 0.8),
    "commuter_share": (0.25, 0.45),
    "tourist_share": (0.04, 0.1),
    "excursion_share": (0.008, 0.024),
    "excursion_goods_share": (0.3, 1.0),
    "scan_coverage_share": (0.005, 0.018),
    "scan_spread": (0.3, 0.7),
    "scanless_share": (0.05, 0.25),
}
_FIXED: Fields = {
    "products": 5,
    "plan_months": 0,
    "slow_share": 0.1,
    "late_share": 0.08,
    "ended_share": 0.03,
    "diversion_share": 0.053,
    "diversion_episodes": 2,
    "default_share": 0.05,
    "outlets_per_dealer": 0.0,
    "outlet_reporting_share": 0.0,
    "contract_share": 0.0,
}


def diversion_mixture(rng: np.random.Generator) -> Fields:
    """Fields of a world; each strength is uniform in its range."""
    drawn: Fields = {name: float(rng.uniform(*limits)) for name, limits in _RANGES.items()}
    lengths: Fields = {"diversion_most_months": int(rng.integers(5, 11))}
    return _FIXED | {"territories": int(rng.integers(8, 17))} | lengths | drawn
