"""Metrics: what a monitoring system wants to know, for Prometheus.

Paths are the known ones or "other", so that nobody can fill the memory with made-up paths.
Under BentoML every worker writes to PROMETHEUS_MULTIPROC_DIR and each can tell for all;
`prometheus_client` looks at that variable when first imported, hence the late import.

>>> meters().count("/v1/forecasts", status=200, seconds=0.1, series=300)
>>> b'qudao_series_total 300.0' in expose()
True
"""

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Meters:
    """The counters of this process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = registry = CollectorRegistry()
        labels = ("path", "status")
        self._seconds = Histogram("qudao_request_seconds", "Time to answer.", ("path",), registry=registry)
        self._requests = Counter("qudao_requests", "Calls, refused ones too.", labels, registry=registry)
        self._series = Counter("qudao_series", "Series forecast.", registry=registry)

    def count(self, path: str, *, status: int, seconds: float, series: int) -> None:
        """One call."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        self._series.inc(series)


@cache
def meters() -> Meters:
    """The counters of this process, made when first asked for."""
    return Meters()


def expose() -> bytes:
    """The counters of all workers as text."""
    from prometheus_client import generate_latest

    return generate_latest(_all_workers() if "PROMETHEUS_MULTIPROC_DIR" in os.environ else meters().registry)


def _all_workers() -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
