"""The worked example of docs/sources.md, run as it is printed."""

import re

import pytest
import yaml

from features.sources import read
from features.sources.profile import ROOT, Profile, parse

TEXT = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")


def block(kind, after):
    return re.search(rf"```{kind}\n(.*?)```", TEXT[TEXT.index(after) :], re.DOTALL)[1]


@pytest.fixture
def intake(write):
    profile = parse("mine", yaml.safe_load(block("yaml", "The profile:")))
    return read(profile, [write(block("csv", "A worked example"), encoding="gbk")])


def test_the_example_says_what_the_page_says(intake):
    assert str(intake) + "\n" == block("", "What it says")


def test_the_example_loads_what_the_page_says(intake):
    tables = intake.accepted()
    assert tables["sell_in"]["qty_sell_in"].tolist() == [24, 30]
    assert tables["prices"]["net_price"].tolist() == [10.0, 9.5]


def test_the_page_explains_every_key_of_a_profile():
    told = set(re.findall(r"`(\w+)`", TEXT[TEXT.index("## Every key") :]))
    assert set(Profile.model_fields) - {"name", "about", "aliases"} <= told
