"""Routes: the paths that exist, how each is called, and which answers for what.

A path may hold names in braces; `match` finds the template of a path that was called.

>>> match("/v1/alerts/a1b2/verdict", ["/v1/alerts", "/v1/alerts/{alert_id}/verdict"])
'/v1/alerts/{alert_id}/verdict'
>>> match("/v1/alerts/a1b2/c3/verdict", ["/v1/alerts/{alert_id}/verdict"]) is None
True
"""

import re
from collections.abc import Iterable
from functools import cache

POSTED = frozenset(
    {
        "/v1/forecasts",
        "/v1/forecasts/overrides",
        "/v1/sell-out/nowcast",
        "/v1/dealers/health",
        "/v1/dealers/growth",
        "/v1/dealers/admission",
        "/v1/dealers/credit",
        "/v1/risk/orders",
        "/v1/alerts/{alert_id}/verdict",
        "/v1/contracts/review",
        "/v1/fx/recommend",
        "/v1/prices/suggest",
        "/v1/rebates/effect",
        "/v1/rebates/optimize",
        "/v1/rebates/attainment",
        "/v1/rebates/simulate",
        "/v1/orders/suggest",
        "/v1/inventory/policy",
        "/v1/inventory/rebalance",
        "/v1/allocation",
        "/v1/dealers/{dealer_id}/plan",
    }
)  # the other paths are read with GET
READ = ("/v1/models", "/v1/alerts", "/v1/forecasts/{forecast_id}/explanation", "/v1/fva")
OWN = ("/v1/dealers/{dealer_id}/plan",)  # of one dealer, open to the dealer itself


def match(path: str, templates: Iterable[str]) -> str | None:
    """The template that a path fits; a path without braces fits only itself."""
    known = tuple(templates)
    if path in known:
        return path
    return next((one for one in known if "{" in one and _pattern(one).fullmatch(path)), None)


def names(path: str, template: str) -> dict[str, str]:
    """What stands in the path for each name in braces.

    >>> names("/v1/dealers/D7/plan", "/v1/dealers/{dealer_id}/plan")
    {'dealer_id': 'D7'}
    """
    found = _pattern(template).fullmatch(path)
    return found.groupdict() if found else {}


def method(template: str) -> str:
    """The method that a path answers to."""
    return "POST" if template in POSTED else "GET"


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[\\w.:-]{1,128})", re.escape(template)), re.ASCII)
