import logging
from dataclasses import replace

import pytest

from serving.errors import NotReady
from serving.snapshot import Shelf


class Changing:
    """A source whose champion the test chooses."""

    def __init__(self, snapshot):
        self.snapshot, self.built, self.broken = snapshot, 0, ""

    def stamp(self):
        return self.snapshot.version

    def build(self):
        self.built += 1
        if self.broken:
            raise ValueError(self.broken)
        return self.snapshot

    def becomes(self, version):
        self.snapshot = replace(self.snapshot, version=version)


@pytest.fixture
def source(snapshot):
    return Changing(snapshot)


def test_nothing_is_there_before_the_first_look(source):
    with pytest.raises(NotReady, match="No model"):
        Shelf(source, poll_seconds=1).need()


def test_the_same_champion_is_built_once(source):
    shelf = Shelf(source, poll_seconds=1)
    assert [shelf.refresh() for _ in range(3)] == [True, False, False]
    assert source.built == 1


def test_a_new_champion_replaces_the_old_whole(source):
    shelf = Shelf(source, poll_seconds=1)
    shelf.refresh()
    held = shelf.need()
    source.becomes("2")
    shelf.refresh()
    assert (held.version, shelf.need().version) == ("1", "2")


def test_when_the_new_one_cannot_be_built_the_old_one_stays_and_the_reason_is_logged_once(source, caplog):
    shelf = Shelf(source, poll_seconds=0.01)
    shelf.refresh()
    source.becomes("2")
    source.broken = "disk"
    with caplog.at_level(logging.WARNING, "qudao.snapshot"):
        shelf.start()
        while source.built < 4:
            shelf.need()
    assert shelf.need().version == "1"
    assert caplog.text.count("ValueError: disk") == 1
    source.broken = ""
    while shelf.need().version != "2":
        pass
    shelf.stop()
