from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.questions import Question, Questions


def question(name, body=b'{"keys": [{"unique_id": "D1/S1"}]}'):
    return Question(name, body, version="3", tables={"sell_in": 4}, moment="2025-01-01T00:00:00")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "private" / "forecasts.log"


def test_a_question_is_found_again_by_another_worker_and_after_a_restart(file):
    one, other = Questions(file), Questions(file)
    one.keep(question("f-1"))
    assert other.find("f-1") == question("f-1")
    one.keep(question("f-2"))
    assert other.find("f-2") == question("f-2")
    assert other.find("f-3") is None


def test_the_same_question_is_kept_once(file):
    for _ in range(3):
        Questions(file).keep(question("f-1"))
    assert file.read_bytes().count(b"\n") == 1


def test_the_store_is_bounded_and_holds_the_last(file):
    store = Questions(file, most_bytes=2_000)
    names = [f"f-{i:03}" for i in range(60)]
    for name in names:
        store.keep(question(name))
    assert file.stat().st_size + store.older.stat().st_size <= 4_000
    assert store.find("f-059") == Questions(file).find("f-059") == question("f-059")
    found = [name for name in names if store.find(name)]
    assert found == names[-len(found) :]
    assert 10 < len(found) < 60


def test_many_workers_lose_nothing(file):
    names = [f"f-{i}" for i in range(80)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: Questions(file).keep(question(name)), names))
    assert all(Questions(file).find(name) for name in names)


def test_a_line_that_was_cut_off_hurts_no_other(file):
    store = Questions(file)
    store.keep(question("f-1"))
    whole = file.read_bytes()
    file.write_bytes(whole + whole.replace(b"f-1", b"f-2")[:30] + b"\n")
    store.keep(question("f-3"))
    assert store.find("f-2") is None
    assert store.find("f-3") == question("f-3")


def test_only_the_operator_may_read_it(file):
    Questions(file).keep(question("f-1"))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_stops_no_forecast(file, caplog):
    file.parent.mkdir()
    file.mkdir()
    Questions(file).keep(question("f-1"))
    assert "cannot be kept" in caplog.text
