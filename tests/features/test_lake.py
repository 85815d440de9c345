"""What the lake promises: whole batches, nothing lost, the past as it was known."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from deltalake import DeltaTable

from features.errors import BadRows, LakeBusy, UnknownTable
from features.journal import Journal
from features.lake import Lake

SPAWN = multiprocessing.get_context("spawn")


def sell_in(qty, *, dealer="D1", months=3, known_at="2017-06-01"):
    starts = pd.date_range("2017-01-01", periods=months, freq="MS")
    row = {"dealer_id": dealer, "sku_id": "S1", "qty_sell_in": qty, "known_at": pd.Timestamp(known_at)}
    return pd.DataFrame({"period_start": starts} | row)


def test_loading_the_same_batch_twice_writes_nothing(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(5.0)}, source="a")
    files, version = sorted(tmp_path.rglob("*")), lake.version()
    again = lake.merge({"sell_in": sell_in(5.0)}, source="a")
    assert not again.changed
    assert (sorted(tmp_path.rglob("*")), lake.version()) == (files, version)


def test_a_correction_keeps_what_was_known_before(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(5.0)}, source="a")
    receipt = lake.merge({"sell_in": sell_in([5.0, 7.0, 5.0])}, source="b", now=pd.Timestamp("2018-01-01"))
    assert str(receipt) == "b: sell_in +1 corrected"
    assert lake.as_of("2017-12-31")["sell_in"]["qty_sell_in"].tolist() == [5.0, 5.0, 5.0]
    assert lake.as_of("2018-01-01")["sell_in"]["qty_sell_in"].tolist() == [5.0, 7.0, 5.0]


def test_loading_original_and_correction_every_night_changes_nothing(tmp_path):
    lake = Lake(tmp_path)
    for _ in range(2):
        for qty in (5.0, 7.0):
            lake.merge({"sell_in": sell_in(qty)}, source="night")
    assert len(lake.read("sell_in")) == 6
    assert lake.as_of(pd.Timestamp.now("UTC"))["sell_in"]["qty_sell_in"].tolist() == [7.0] * 3


def test_a_batch_may_bring_its_own_history(tmp_path):
    lake = Lake(tmp_path)
    history = pd.concat([sell_in(5.0), sell_in(6.0, known_at="2017-09-01")])
    for _ in range(2):
        lake.merge({"sell_in": history}, source="a")
    assert len(lake.read("sell_in")) == 6
    assert lake.as_of("2017-08-31")["sell_in"]["qty_sell_in"].tolist() == [5.0] * 3


def test_what_is_already_known_is_not_learned_again(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(5.0)}, source="a")
    assert not lake.merge({"sell_in": sell_in(5.0, known_at="2017-09-01")}, source="b").changed


def test_nothing_is_seen_before_it_was_known(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(5.0, known_at="2017-06-01 12:00")}, source="a")
    assert lake.as_of("2017-06-01")["sell_in"].empty
    assert lake.as_of("2017-06-02", ["stock"])["stock"].empty


def test_a_bad_row_keeps_the_whole_batch_out(tmp_path):
    lake = Lake(tmp_path)
    stock = sell_in(1.0).rename(columns={"qty_sell_in": "qty_on_hand"})
    with pytest.raises(BadRows, match="negative in 1 row"):
        lake.merge({"stock": stock, "sell_in": sell_in([1.0, -1.0, 1.0])}, source="a")
    assert lake.tables() == []


def test_a_dealer_that_the_lake_does_not_know_is_refused(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"dealers": pd.DataFrame({"dealer_id": ["D1"], "known_at": "2017-01-01"})}, source="a")
    with pytest.raises(BadRows, match="unknown dealer_id in 3 rows"):
        lake.merge({"sell_in": sell_in(1.0, dealer="D2")}, source="a")


def test_a_failure_in_the_second_table_undoes_the_first(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(1.0)}, source="a")
    (tmp_path / "stock").write_text("a file where a folder must be")
    stock = sell_in(1.0).rename(columns={"qty_sell_in": "qty_on_hand"})
    with pytest.raises(Exception, match=r"(?i)directory|exists|stock"):
        lake.merge({"sell_in": sell_in(2.0, dealer="D2"), "stock": stock}, source="b")
    assert DeltaTable(tmp_path / "sell_in").count() == 3
    assert set(Lake(tmp_path).read("sell_in")["dealer_id"]) == {"D1"}


def test_a_reader_sees_whole_batches_only_while_one_is_written(tmp_path):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(1.0)}, source="a")
    Journal(tmp_path).begin({"sell_in": 0})
    lake._write("sell_in", lake.read("sell_in").assign(dealer_id="D2"), "half")
    with Journal(tmp_path).lock(1):
        assert len(Lake(tmp_path).read("sell_in")) == 3
    assert len(Lake(tmp_path).read("sell_in")) == 3


def test_as_of_shows_every_table_as_the_same_batch_left_it(tmp_path):
    lake = Lake(tmp_path)
    both = {"sell_in": sell_in(1.0), "stock": sell_in(1.0).rename(columns={"qty_sell_in": "qty_on_hand"})}
    lake.merge(both, source="a")

    def names():
        yield "sell_in"
        lake.merge({name: frame.assign(dealer_id="D2") for name, frame in both.items()}, source="b")
        yield "stock"

    assert [len(frame) for frame in lake.as_of("2018-01-01", names()).values()] == [3, 3]


def test_tables_whose_journal_was_lost_are_still_there(tmp_path):
    Lake(tmp_path).merge({"sell_in": sell_in(1.0)}, source="a")
    (tmp_path / "_journal.json").unlink()
    lake = Lake(tmp_path)
    assert (lake.tables(), len(lake.read("sell_in"))) == (["sell_in"], 3)
    assert not lake.merge({"sell_in": sell_in(1.0)}, source="a").changed


def test_a_second_writer_waits_and_then_says_so(tmp_path):
    with Journal(tmp_path).lock(1), pytest.raises(LakeBusy, match=r"0\.1 s"):
        Lake(tmp_path, wait_s=0.1).merge({"sell_in": sell_in(1.0)}, source="a")


def test_an_unknown_table_is_refused(tmp_path):
    with pytest.raises(UnknownTable):
        Lake(tmp_path).read("sales")


def _load(root, name):
    for i in range(4):
        Lake(root).merge({"sell_in": sell_in(float(i), dealer=f"{name}{i}")}, source=name)


def test_two_writers_at_once_lose_nothing(tmp_path):
    writers = [SPAWN.Process(target=_load, args=(tmp_path, name)) for name in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(Lake(tmp_path).read("sell_in")) == 2 * 4 * 3


ENDLESS = """
import sys
import pandas as pd
from features.lake import Lake
lake, i = Lake(sys.argv[1]), 0
while True:
    i += 1
    base = pd.DataFrame({"dealer_id": [f"D{i}"] * 2000, "sku_id": [f"S{k}" for k in range(2000)],
                         "period_start": pd.Timestamp("2017-01-01"), "known_at": pd.Timestamp("2017-02-01")})
    lake.merge({"sell_in": base.assign(qty_sell_in=1.0), "stock": base.assign(qty_on_hand=1.0),
                "prices": base.assign(net_price=1.0)}, source=str(i))
    print(i, flush=True)
"""


def _kill_while_merging(root, after_s):
    """The number of batches that were reported whole before the process was killed."""
    command = [sys.executable, "-c", ENDLESS, str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"})
    process.stdout.readline()  # the first batch is in
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    return 1 + len(process.communicate()[0].splitlines())


@pytest.mark.parametrize("after_s", [0.01, 0.06, 0.11, 0.17])
def test_kill_9_while_merging_never_leaves_half_a_batch(tmp_path, after_s):
    reported = _kill_while_merging(tmp_path, after_s)
    lake = Lake(tmp_path)
    counts = {name: len(lake.read(name)) for name in ("sell_in", "stock", "prices")}
    assert {DeltaTable(tmp_path / name).count() for name in counts} == {counts["stock"]}
    assert set(counts.values()) == {counts["stock"]}
    assert counts["stock"] // 2000 in (reported, reported + 1)
    stock = lake.read("stock").drop(columns="event_at").assign(dealer_id="after the crash")
    assert lake.merge({"stock": stock.head(1)}, source="go on").changed


@pytest.mark.parametrize("n_written", [0, 1, 2])
def test_a_crash_after_any_table_restores_all_of_them(tmp_path, n_written):
    lake = Lake(tmp_path)
    lake.merge({"sell_in": sell_in(1.0)}, source="a")
    before = lake.version()
    Journal(tmp_path).begin({"sell_in": 0, "stock": None})
    stock = sell_in(1.0).rename(columns={"qty_sell_in": "qty_on_hand"})
    for name, frame in [("stock", stock), ("sell_in", sell_in(2.0, dealer="D2"))][:n_written]:
        lake._write(name, lake._checked({name: frame})[name], "crashed")
    restored = Lake(tmp_path)
    assert (restored.tables(), restored.version()) == (["sell_in"], before)
    assert len(restored.read("sell_in")) == 3
    assert DeltaTable(tmp_path / "sell_in").count() == 3  # as another reader of Delta sees it
    assert not (tmp_path / "stock").exists()
