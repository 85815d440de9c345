"""What a mapping profile promises."""

import pytest

from features.errors import ProfileError, UnknownProfile
from features.sources import load_profile
from features.sources.profile import PROFILES, parse


@pytest.mark.parametrize("file", sorted(PROFILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_shipped_profile_is_sound_and_says_what_it_is(file):
    assert load_profile(file.stem).about
    assert load_profile(file) == load_profile(file.stem)


def test_all_faults_of_a_profile_come_at_once_with_hints():
    with pytest.raises(ProfileError) as caught:
        parse("mine", {"frequncy": "M", "csv": {"encoding": "gbk"}, "dates": {"column": "d", "format": "%Y"}})
    assert sorted(caught.value.faults) == [
        'csv.encoding: no such key. Did you mean "encodings"?',
        'dates.format: no such key. Did you mean "formats"?',
        'frequncy: no such key. Did you mean "frequency"?',
    ]


def test_a_misspelt_table_and_column_get_a_hint():
    tables = {"sellin": {}, "stock": {"qty_onhand": "a"}}
    with pytest.raises(ProfileError, match=r'(?s)mean "sell_in".*mean "qty_on_hand"'):
        parse("mine", {"frequency": "M", "dates": {"column": "d"}, "tables": tables})


def test_a_profile_must_say_when_rows_were_known():
    with pytest.raises(ProfileError, match=r"tables\.dealers: when was it known"):
        parse("mine", {"tables": {"dealers": {"dealer_id": "a"}}})


def test_dates_need_a_frequency():
    with pytest.raises(ProfileError, match="frequency: M or W"):
        parse("mine", {"dates": {"column": "d"}, "tables": {"sell_in": {"qty_sell_in": "q"}}})


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(UnknownProfile, match='Did you mean "stallion"'):
        load_profile("stalion")


def test_a_file_that_is_not_yaml_is_told_by_its_line(write):
    with pytest.raises(ProfileError, match="not YAML"):
        load_profile(write("a: [1\nb: 2", "mine.yaml"))
