"""Limits: how often one key may call.

A bucket for each key holds a minute's worth of calls and refills steadily, so a burst is
fine and a flood is not. Each worker process counts for itself.

>>> clock = iter([0.0, 0.0, 0.0, 30.0]).__next__
>>> limit = RateLimit(2, clock=clock)
>>> [limit.wait_seconds("k") for _ in range(4)]
[0.0, 0.0, 30.0, 0.0]
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class RateLimit:
    """A token bucket a key; `per_minute` calls, all of which may come at once."""

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # key -> (calls left, when)

    def wait_seconds(self, key: str) -> float:
        """Take one call of this key's; 0 when there was one, else how long until there is."""
        now = self.clock()
        left, since = self._buckets.get(key, (float(self.per_minute), now))
        left = min(self.per_minute, left + (now - since) * self.per_minute / 60)
        allowed = left >= 1
        self._buckets[key] = (left - allowed, now)
        return 0.0 if allowed else (1 - left) * 60 / self.per_minute
