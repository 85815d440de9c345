"""Channel: one simulated world, as canonical tables and as the truth behind them.

`tables` are what a brand would have, by the names of `features.tables.SCHEMAS` (verdicts and
overrides are left out: nobody has decided anything yet). `truth` is what nobody would have,
and what a forecast or a detector can be judged by; docs/simulator.md lists its frames.

Units: pieces, CNY, fractions, naive UTC. Observed facts stop at `world.end`; prices and
promotions reach `plan_months` further, and so does the true demand.
Errors: ImpossibleWorld (by World).

>>> channel = simulate(World(dealers=2, products=2, months=12))
>>> channel.tables["sell_out"]["period_start"].max(), channel.tables["prices"]["period_start"].max()
(Timestamp('2025-12-01 00:00:00'), Timestamp('2026-03-01 00:00:00'))
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from features.simulator.abroad import settled_abroad
from features.simulator.awards import rebate_awards
from features.simulator.contracts import contracts
from features.simulator.fx import fx_rates
from features.simulator.nouns import Nouns
from features.simulator.street import street_prices
from features.simulator.supply import freights, product_costs, supply_terms
from features.simulator.trace import trace_scans
from features.simulator.world import World
from features.tables import coerce

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Channel:
    """A world, its canonical tables, and the truth behind them."""

    world: World
    tables: Frames
    truth: Frames

    def write(self, out: Path) -> None:
        """One Parquet file a table in `out/tables` and `out/truth`, and a README to read first."""
        for folder, frames in (("tables", self.tables), ("truth", self.truth)):
            (out / folder).mkdir(parents=True, exist_ok=True)
            for name, frame in frames.items():
                frame.to_parquet(out / folder / f"{name}.parquet", index=False)
        (out / "README.md").write_text(self._readme(), encoding="utf-8")

    def _readme(self) -> str:
        lines = ["# A simulated channel", "", "Not real data: drawn by `features.simulator` from this world:"]
        lines += ["", "```", repr(self.world), "```"]
        for folder, frames in (("tables", self.tables), ("truth", self.truth)):
            lines += ["", f"## {folder}", "", "| file | rows | columns |", "|---|---|---|"]
            for name, frame in frames.items():
                lines.append(f"| `{folder}/{name}.parquet` | {len(frame):,} | {', '.join(frame.columns)} |")
        return "\n".join(lines) + "\n"


def simulate(world: World | None = None) -> Channel:
    """The channel of a world: the same world, the same bytes."""
    chosen = world or World()
    nouns = Nouns.draw(chosen)
    fx_table, fx_truth = fx_rates(chosen, nouns.periods)
    contract_table, clauses = contracts(chosen, nouns.periods, nouns.land)
    drawn = chain(_tables(nouns), [("contracts", contract_table), ("fx_rates", fx_table)])
    tables = {name: coerce(name, frame.reset_index(drop=True)) for name, frame in drawn}
    dealers, invoices, payments = (tables[name] for name in ("dealers", "invoices", "payments"))
    abroad = settled_abroad(chosen, dealers, invoices, payments, tables["fx_rates"])
    tables["invoices"], tables["payments"], own = abroad
    truth = _truth(nouns) | {"clauses": clauses, "fx_volatilities": fx_truth, "own_currencies": own}
    return Channel(chosen, tables, {name: frame.reset_index(drop=True) for name, frame in truth.items()})


def _tables(n: Nouns) -> Iterator[tuple[str, pd.DataFrame]]:
    """What a brand would have on record, table by table: the largest first, for memory."""
    yield "promotions", n.plans.table(n.sold)
    yield "prices", n.prices.table(n.sold)
    yield "sell_in", n.money.sell_in_table(n.sold, n.flow)
    yield "sell_out", n.flow.sell_out_table(n.world, n.land, n.sold)
    yield "stock", n.flow.stock_table(n.sold)
    yield "dealers", n.land.dealers_table()
    yield "outlets", n.land.outlets_table()
    yield "products", n.goods.products_table()
    yield "signals", street_prices(n)
    yield "rebate_programmes", n.rebates.table(n.sold)
    yield "invoices", n.money.invoices_table(n.sold)
    yield "payments", n.money.payments_table(n.sold, n.solvency)
    yield "rebate_awards", rebate_awards(n)
    yield "supply_terms", supply_terms(n)
    yield "product_costs", product_costs(n)
    yield "freights", freights(n)
    yield "trace_scans", trace_scans(n.world, n.land, n.sold, n.flow, n.diversion)


def _truth(n: Nouns) -> Frames:
    """What nobody would have on record."""
    return {
        "demand": _demand(n),
        "responses": n.sold.grid.keys(np.arange(n.sold.grid.n)).assign(
            price_elasticity=n.prices.elasticity, promotion_uplift=n.plans.uplift[n.sold.grid.dealer]
        ),
        "rebate_responses": n.rebates.truth(n.sold),
        "solvency": n.solvency.truth(n.land.dealer_ids),
        "diversions": n.diversion.truth(n.sold, n.land),
        "price_breaches": n.breaches.truth(n.sold),
        "shocks": _shocks(n),
    }


def _shocks(n: Nouns) -> pd.DataFrame:
    """What nobody planned, of every kind that there is."""
    shocks = n.shocks.truth(n.sold, n.land)
    return pd.concat([shocks, n.wars.truth(n.periods, n.land)]) if n.wars.war.any() else shocks


def _demand(n: Nouns) -> pd.DataFrame:
    """Latent demand of each series and period, and how much of it stock-outs and others took."""
    cells = np.nonzero(n.sold.active)
    missed = np.zeros_like(n.demand.mean)
    missed[:, : n.periods.observed] = n.flow.missed
    return n.sold.grid.facts(
        cells,
        units_mean=n.demand.mean[cells],
        units_wanted=n.demand.wanted[cells],
        units_diverted_away=n.diversion.lost[cells],
        units_missed=missed[cells],
        is_short=missed[cells] > 0,
    ).drop(columns=["event_at", "known_at"])
