"""No cell of a client's file is ever in a message, except the keys that name a row."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ChannelError
from features.sources import load_profile, read

MARK = "S3CRET"
CELLS = st.sampled_from(
    [MARK, f"{MARK}1", f"9{MARK}", "5", "-7731773", "7731773e9", "", "nan", "2017-01", "2017-02-30"]
)
HEADERS = st.sampled_from(
    ["store,item,month,units,price,weather", "经销商编码,物料编码,单据日期,数量,单位,金额"]
)


def message(profile, file):
    """Everything that a load says, whether it succeeds or not."""
    try:
        intake = read(load_profile(profile), [file], as_of=pd.Timestamp("2020-01-01"))
        said = str(intake) + repr(intake.faults)
        intake.accepted()
    except ChannelError as error:
        return f"{error} {error!r}" if "said" not in locals() else f"{said} {error} {error!r}"
    return said


@settings(max_examples=12, deadline=None)
@given(header=HEADERS, rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5))
def test_no_cell_is_ever_in_a_message(tmp_path_factory, header, rows):
    file = tmp_path_factory.mktemp("secrets") / "a.csv"
    file.write_text("\n".join([header, *(f"D1,P1,{','.join(row)}" for row in rows)]), encoding="utf-8")
    for profile in ("generic", "erp_zh", "stallion"):
        said = message(profile, file)
        assert MARK not in said
        assert "7731773" not in said


def test_a_file_without_a_header_does_not_show_its_first_row(write):
    file = write(f"{MARK},{MARK}2,2017-01,5\n{MARK},x,2017-02,6\n")
    assert MARK not in message("generic", file)
    assert MARK not in message("stallion", file)
