"""What the database source promises, on a real PostgreSQL."""

import pandas as pd
import pytest
import sqlalchemy as sa

from features.errors import UnreadableFile
from features.sources import read
from features.sources.profile import parse

QUERY = "select dealer, sku, day, units, price from sales order by day"
SETUP = """
create table sales (dealer text, sku integer, day date, units numeric(12, 3), price numeric(12, 2));
insert into sales values ('经销商一', 7, '2017-01-01', 5.5, 2.50), ('经销商一', 7, '2017-02-01', -6, 2.50);
"""


def profile(query=QUERY, url_env="SHOP_URL"):
    tables = {"sell_in": {"qty_sell_in": "units"}, "prices": {"net_price": "price"}}
    database = {"url_env": url_env, "query": query}
    content = {"format": "database", "database": database, "frequency": "M", "dates": {"column": "day"}}
    return parse("shop", content | {"keys": {"dealer_id": "dealer", "sku_id": "sku"}, "tables": tables})


@pytest.fixture
def shop(postgres, monkeypatch):
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("drop table if exists sales"))
        connection.execute(sa.text(SETUP))
    engine.dispose()
    monkeypatch.setenv("SHOP_URL", postgres)


@pytest.mark.usefixtures("shop")
def test_a_query_becomes_tables_and_its_faults_are_told_by_row():
    intake = read(profile())
    assert [(fault.rule, fault.first) for fault in intake.faults] == [
        ("negative", ("经销商一/7/2017-02-01/ (row 2)",))
    ]
    row = intake.tables["sell_in"].loc[0]
    assert row[["dealer_id", "sku_id", "qty_sell_in"]].tolist() == ["经销商一", "7", 5.5]
    assert row["period_start"] == pd.Timestamp("2017-01-01")


@pytest.mark.usefixtures("shop")
def test_a_refused_query_says_neither_password_nor_data(monkeypatch, postgres):
    monkeypatch.setenv("SHOP_URL", postgres.replace("postgres:@", "postgres:hunter2@"))
    with pytest.raises(UnreadableFile, match="the query failed") as caught:
        read(profile("select dealer::integer from sales"))
    assert "hunter2" not in str(caught.value)
    assert "经销商" not in str(caught.value)


@pytest.mark.parametrize(("url", "why"), [("", "not set"), ("no url: hunter2", "not a SQLAlchemy URL")])
def test_a_wrong_url_is_told_by_the_name_of_its_variable(monkeypatch, url, why):
    monkeypatch.setenv("SHOP_URL", url)
    with pytest.raises(UnreadableFile, match=why) as caught:
        read(profile())
    assert "hunter2" not in str(caught.value)
