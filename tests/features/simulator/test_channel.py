import pandas as pd
import pytest

from features.simulator import World, simulate
from features.tables import SCHEMAS, check

SMALL = World(dealers=4, products=3, months=14)
PLANS = ["prices", "promotions"]
FACTS = ["sell_in", "sell_out", "stock", "signals"]


def written(world, out):
    simulate(world).write(out)
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*.*")}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    assert written(SMALL, tmp_path / "a") == written(SMALL, tmp_path / "b")


def test_another_seed_gives_another_channel(tmp_path):
    one = simulate(SMALL).tables
    other = simulate(World(dealers=4, products=3, months=14, seed=8)).tables
    different = [name for name in one if not one[name].equals(other[name])]
    assert sorted(different) == sorted(one)


def test_every_table_keeps_its_schema(channel):
    known = {
        "dealers": channel.tables["dealers"]["dealer_id"],
        "products": channel.tables["products"]["sku_id"],
    }
    faults = [str(f) for name, frame in channel.tables.items() for f in check(name, frame, known=known)]
    assert faults == []
    assert set(SCHEMAS) - set(channel.tables) == {"verdicts", "overrides", "licences", "returns"}


@pytest.mark.parametrize("freq", ["M", "W"])
@pytest.mark.parametrize("months", [1, 2, 7])
def test_a_channel_of_any_length_keeps_its_schemas(freq, months):
    made = simulate(World(dealers=3, products=2, months=months, territories=1, freq=freq))
    assert [str(f) for name, frame in made.tables.items() for f in check(name, frame)] == []


def test_nothing_is_observed_after_the_end(channel):
    now = pd.Timestamp("2026-01-01")
    for name, frame in channel.tables.items():
        assert (frame["known_at"] <= now).all(), name
    for name in FACTS:
        assert (channel.tables[name]["period_start"] < now).all(), name


@pytest.mark.parametrize("name", PLANS)
def test_plans_reach_three_months_beyond_the_end(channel, name):
    assert channel.tables[name]["period_start"].max() == pd.Timestamp("2026-03-01")


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_known_three_months_before_its_period(channel, name):
    frame = channel.tables[name]
    assert (frame["known_at"] <= frame["period_start"] - pd.DateOffset(months=3)).all()


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_is_known_when_its_period_has_ended(channel, name):
    frame = channel.tables[name]
    assert (frame["event_at"] == frame["period_start"]).all()
    assert (frame["known_at"] == frame["period_start"] + pd.offsets.MonthBegin(1)).all()


def test_weeks_begin_on_mondays_and_lie_inside_the_months():
    sell_out = simulate(World(dealers=2, products=2, months=3, freq="W")).tables["sell_out"]
    assert set(sell_out["period_start"].dt.day_of_week) == {0}
    assert sell_out["period_start"].min() == pd.Timestamp("2025-10-06")
    assert sell_out["period_start"].max() == pd.Timestamp("2025-12-22")


def test_a_dealer_sells_only_after_it_joined_and_the_product_was_launched(channel):
    sell_out = channel.tables["sell_out"].merge(channel.tables["dealers"][["dealer_id", "joined_at"]])
    sell_out = sell_out.merge(channel.tables["products"][["sku_id", "launched_at"]])
    assert (sell_out["period_start"] >= sell_out["joined_at"]).all()
    assert (sell_out["period_start"] >= sell_out["launched_at"]).all()


def test_every_sold_cell_has_a_price_and_a_promotion_plan(channel):
    key = ["dealer_id", "sku_id", "period_start"]
    sold = channel.tables["stock"][key]
    assert sold.merge(channel.tables["prices"][key]).shape == sold.shape
    for _, plan in channel.tables["promotions"].groupby("kind"):
        assert sold.merge(plan[key]).shape == sold.shape


def test_the_readme_lists_every_file(tmp_path):
    made = simulate(SMALL)
    made.write(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert all(str(path.relative_to(tmp_path)) in text for path in tmp_path.rglob("*.parquet"))
    assert pd.read_parquet(tmp_path / "tables" / "stock.parquet").equals(made.tables["stock"])
