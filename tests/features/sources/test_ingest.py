"""What `ingest` promises: one report, nothing by halves, nothing twice."""

import pandas as pd
import pytest

from features.errors import BadRows
from features.ingest import ingest
from features.lake import Lake
from features.sources import load_profile

GENERIC = load_profile("generic")
ACCEPTING = GENERIC.model_copy(update={"partial": "accept"})
BAD = "经销商,产品,month,units\n一店,A,2017-01,5\n二店,A,2017-01,-5\n"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def test_the_same_file_twice_changes_nothing(write, lake, tmp_path):
    file = write("store,item,month,units,price,region\nN1,A,2017-01,5,2,east\nN1,A,2017-02,6,2,east\n")
    ingest(GENERIC, [file], lake, quarantine_dir=tmp_path)
    before = (lake.version(), sorted((tmp_path / "lake").rglob("*")))
    report = ingest(GENERIC, [file], lake, quarantine_dir=tmp_path)
    assert not report.receipt.changed
    assert (lake.version(), sorted((tmp_path / "lake").rglob("*"))) == before


def test_a_refused_load_leaves_the_lake_alone_and_says_where_the_bad_rows_are(write, lake, tmp_path):
    with pytest.raises(BadRows, match=r"(?s)Nothing was loaded: 1 fault.*bad rows: .*generic-\w+\.csv"):
        ingest(GENERIC, [write(BAD)], lake, quarantine_dir=tmp_path / "bad")
    assert lake.tables() == []
    (file,) = (tmp_path / "bad").iterdir()
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert pd.read_csv(file).loc[0, ["经销商", "reason"]].tolist() == ["二店", "qty_sell_in: negative"]


def test_an_accepting_profile_loads_the_good_rows_and_reports_the_bad(write, lake, tmp_path):
    report = ingest(ACCEPTING, [write(BAD)], lake, quarantine_dir=tmp_path)
    assert lake.read("sell_in")["dealer_id"].tolist() == ["一店"]
    assert "1 of 2 rows is bad" in str(report)
    assert "sell_in +1 new" in str(report)


def test_a_corrected_file_keeps_what_was_known_before(write, lake, tmp_path):
    for units in (5, 7):
        file = write(f"store,item,month,units\nN1,A,2017-01,{units}\n")
        report = ingest(GENERIC, [file], lake, quarantine_dir=tmp_path)
    assert str(report.receipt) == "generic: sell_in +1 corrected"
    assert lake.as_of("2018-01-01")["sell_in"]["qty_sell_in"].tolist() == [5.0]
    assert lake.as_of(pd.Timestamp.now("UTC"))["sell_in"]["qty_sell_in"].tolist() == [7.0]


def test_the_dealers_of_the_lake_judge_the_next_file(write, lake, tmp_path):
    dealers = pd.DataFrame({"dealer_id": ["N1"], "known_at": "2017-01-01"})
    lake.merge({"dealers": dealers}, source="master")
    with pytest.raises(BadRows, match="unknown dealer_id in 1 row"):
        ingest(GENERIC, [write("store,item,month,units\nN9,A,2017-01,5\n")], lake, quarantine_dir=tmp_path)
