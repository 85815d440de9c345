"""A folder of different files, read by the parts of one profile."""

import pandas as pd
import pytest

from features.errors import BadRows, UnreadableFile
from features.sources import read
from features.sources.profile import parse

PARTS = {
    "known_from": "2023-01-01",
    "keys": {"dealer_id": "shop", "sku_id": "item"},
    "parts": {
        "shops*": {"tables": {"dealers": {"territory_id": "area"}}},
        "deliveries*": {
            "frequency": "M",
            "grain": "day",
            "duplicates": "sum",
            "dates": {"column": "day"},
            "tables": {"sell_in": {"qty_sell_in": "pieces"}},
        },
        "scans*": {
            "dates": {"column": "seen"},
            "tables": {
                "trace_scans": {
                    "scan_id": "id",
                    "code": "id",
                    "shipped_dealer_id": "shop",
                    "scanned_at": "seen",
                    "scanned_territory_id": "area",
                }
            },
        },
    },
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shops.csv").write_text("shop,area\nD1,N\nD2,S\n", encoding="utf-8")
    deliveries = "shop,item,day,pieces\nD1,A,2024-01-05,3\nD1,A,2024-01-05,4\nD2,A,2024-02-01,5\n"
    (tmp_path / "deliveries.csv").write_text(deliveries, encoding="utf-8")
    (tmp_path / "scans.csv").write_text("id,item,shop,seen,area\n1,A,D1,2024-01-20,S\n", encoding="utf-8")
    return tmp_path


def test_every_part_becomes_its_table(folder):
    tables = read(parse("mine", PARTS), [folder]).accepted()
    assert {name: len(frame) for name, frame in tables.items()} == {
        "dealers": 2,
        "sell_in": 2,
        "trace_scans": 1,
    }
    assert tables["trace_scans"]["shipped_dealer_id"].tolist() == ["D1"]


def test_rows_of_one_key_are_added_where_the_profile_says_so(folder):
    sold = read(parse("mine", PARTS), [folder]).accepted()["sell_in"]
    assert sold["qty_sell_in"].tolist() == [7.0, 5.0]


def test_a_broken_cell_is_told_with_its_file_and_nothing_is_added_over_it(folder):
    (folder / "deliveries.csv").write_text("shop,item,day,pieces\nD1,A,2024-01-05,x\nD1,A,2024-01-05,4\n")
    intake = read(parse("mine", PARTS), [folder])
    assert "deliveries.csv row 2" in str(intake)
    with pytest.raises(BadRows):
        intake.accepted()


def test_a_dealer_that_no_part_knows_is_told(folder):
    pd.DataFrame({"shop": ["D9"], "item": "A", "day": "2024-01-05", "pieces": 1}).to_csv(
        folder / "deliveries_2.csv", index=False
    )
    assert "unknown dealer_id" in str(read(parse("mine", PARTS), [folder]))


def test_a_file_that_no_part_is_for_is_refused(folder):
    (folder / "prices.csv").write_text("shop\nD1\n")
    with pytest.raises(UnreadableFile, match="no part of mine"):
        read(parse("mine", PARTS), [folder / "prices.csv"])


def test_a_misspelt_key_of_a_part_is_told(folder):
    wrong = PARTS | {"parts": {"shops*": {"tabels": {}}}}
    with pytest.raises(ValueError, match='Did you mean "tables"'):
        read(parse("mine", wrong), [folder])
