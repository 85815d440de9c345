"""What the readers of files promise."""

import pandas as pd
import pytest

from features.errors import UnreadableFile, WrongEncoding
from features.sources import load_profile, read
from features.sources.files import read_file
from features.sources.profile import Profile

ROWS = "经销商,数量\n上海一店,5\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_chinese_text_reads_the_same_in_every_usual_encoding(write, encoding):
    rows = read_file(Profile(), write(ROWS, encoding=encoding)).rows
    assert rows.to_dict("records") == [{"经销商": "上海一店", "数量": "5"}]


def test_another_encoding_is_refused_with_what_was_tried(write):
    with pytest.raises(WrongEncoding, match="'utf-8-sig', 'gbk', 'gb18030'"):
        read_file(Profile(), write(ROWS, encoding="utf-16"))


def test_another_encoding_is_read_when_the_profile_names_it(write):
    profile = Profile.model_validate({"csv": {"encodings": ["utf-16"]}})
    assert len(read_file(profile, write(ROWS, encoding="utf-16")).rows) == 1


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_told(write, text):
    with pytest.raises(UnreadableFile, match=r"sales.csv: empty .* expected a header and rows"):
        read_file(Profile(), write(text))


def test_a_missing_file_and_an_unknown_format_are_told(tmp_path, write):
    with pytest.raises(UnreadableFile, match="no such file"):
        read_file(Profile(), tmp_path / "none.csv")
    with pytest.raises(UnreadableFile, match="format not known"):
        read_file(Profile(), write("x", "sales.pdf"))


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet"])
def test_a_broken_file_is_told_without_its_content(write, name):
    with pytest.raises(UnreadableFile) as caught:
        read_file(Profile(), write("SECRET,1\nSECRET,2\n", name))
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("text", ["a,b\n1,2,3\n", 'a,b\n1,"2\n'])
def test_a_row_that_does_not_fit_the_header_is_told(write, text):
    with pytest.raises(UnreadableFile, match="more cells than the header"):
        read_file(Profile(), write(text))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_the_header_uses(write, delimiter):
    assert list(read_file(Profile(), write(delimiter.join("abc") + "\n")).rows) == ["a", "b", "c"]


def test_codes_keep_their_leading_zeros_and_blank_lines_keep_the_count(write):
    sheet = read_file(Profile(), write("code,n\n007,1\n,\n\n008,2\n"))
    assert sheet.rows["code"].tolist() == ["007", "008"]
    assert sheet.origin["row"].tolist() == [2, 5]


def test_a_real_workbook_reads_like_the_csv(tmp_path, write):
    frame = pd.DataFrame({"store": ["007", "N1"], "item": [7, 8], "month": ["2017-01"] * 2, "units": [5, 6]})
    frame["month"] = pd.to_datetime(frame["month"])
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    csv = write("store,item,month,units\n007,7,2017-01,5\nN1,8,2017-01,6\n")
    ours, theirs = (read(load_profile("generic"), [file]).tables for file in (tmp_path / "a.xlsx", csv))
    pd.testing.assert_frame_equal(ours["sell_in"], theirs["sell_in"])


def test_a_workbook_without_the_sheet_is_told(tmp_path):
    pd.DataFrame({"a": [1]}).to_excel(tmp_path / "a.xlsx", index=False)
    profile = Profile.model_validate({"excel": {"sheet": "销售"}})
    with pytest.raises(UnreadableFile, match="with a sheet '销售'"):
        read_file(profile, tmp_path / "a.xlsx")
