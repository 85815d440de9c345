"""Episodes: is a price, right now, in a spell of being too low?

In:   residuals [n, t], logs, negative when cheaper than expected; NaN where nobody looked.
Out:  probability [n, t] that the spell is on in each period, from that and earlier periods alone,
      and the period in which the present spell was first believed.

A hidden chain of two states. Normal: residual ~ Student t around 0 with the channel's own spread, so
that one wild survey convinces nobody. Spell: around a depth that is itself uncertain. A spell begins and
ends with fixed chances a month; in a period without a survey only these act.

Source: Hamilton (1989), filtered probabilities of a Markov-switching model.
Limits: depth and chances are set, not learned; a spell shallower than about two spreads is missed.

>>> residual = np.array([[0.0, 0.01, -0.2, np.nan, -0.22]])
>>> spell(residual, spread=0.03).round(1).tolist()
[[0.0, 0.0, 0.6, 0.5, 1.0]]
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_DEPTH, _DEPTH_SPREAD = -0.22, 0.09  # logs: most spells take 10 to 35 % off
_BEGINS_RATE, _ENDS_RATE = 0.01, 0.25  # a month
_TAIL = 4.0  # degrees of freedom
_BELIEVED, _GONE = 0.5, 0.2


def spell(residual: Array, *, spread: float, per_month: float = 1.0) -> Array:
    """Filtered probability of a spell, [n, t]; `per_month` periods are a month."""
    likelihood = _ratio(residual, spread)
    begins = 1 - (1 - _BEGINS_RATE) ** (1 / per_month)
    ends = 1 - (1 - _ENDS_RATE) ** (1 / per_month)
    on = np.full(len(residual), begins / (begins + ends) / 2)
    out = np.empty(residual.shape)
    for t in range(residual.shape[1]):
        before = on * (1 - ends) + (1 - on) * begins
        on = before * likelihood[:, t] / (before * likelihood[:, t] + 1 - before)
        out[:, t] = on
    return out


def onsets(probability: Array) -> Ints:
    """Period in which the spell that holds at each period was first believed, [n, t]; -1: none holds."""
    out = np.full(probability.shape, -1, dtype=np.int64)
    first = np.full(len(probability), -1, dtype=np.int64)
    for t in range(probability.shape[1]):
        first = np.where(probability[:, t] < _GONE, -1, first)
        first = np.where((first < 0) & (probability[:, t] >= _BELIEVED), t, first)
        out[:, t] = first
    return out


def _ratio(residual: Array, spread: float) -> Array:
    """How much likelier each residual is in a spell, 1 where there is none."""
    usual = student.pdf(residual / spread, _TAIL) / spread
    width = float(np.hypot(_DEPTH_SPREAD, spread))
    low = norm.pdf(np.maximum(residual, _DEPTH), _DEPTH, width)  # deeper still is as likely a spell
    return np.asarray(np.where(np.isnan(residual), 1.0, np.clip(low / usual, 1e-3, 1e3)))
