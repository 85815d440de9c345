"""The public sets of the demand benchmark: which file, which windows, what is known ahead.

Each becomes a panel the way a stranger's file does: a mapping profile and `panel_of_file`, as in
`qudao backtest`. Two files are made fit first, by rows alone:

m3        every series shifted in time so that the official test parts begin together, and cut nine
          months later: the three windows start with the test part, and 3 and 6 months after it. The
          months' names are no longer true; nothing but the trees' column `month` looks at them.
carparts  the 2,509 parts without a blank month.

>>> frame = pd.DataFrame({"series_id": ["a"] * 3 + ["b"] * 3, "month": [f"2001-0{i}" for i in range(1, 7)],
...     "value": 1.0, "split": ["train", "train", "test"] * 2})
>>> side_by_side(frame, test_months=1)["month"].tolist()
['2000-11', '2000-12', '2001-01', '2000-11', '2000-12', '2001-01']
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.panel import Panel
from training.trial import panel_of_file

Frame = pd.DataFrame
_TEST_START = np.datetime64("2001-01")  # where M3's test parts are laid


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One row of the table: the data, the windows, what is known ahead."""

    name: str
    about: str
    file: str
    profile: str
    horizon: int
    windows: int
    freq: str
    plans: bool = True
    goal: str = ""
    by_sums: bool = False  # lumpy: the best peer has the least error of sums, and no large bias
    peers: tuple[str, ...] = ()


def side_by_side(frame: Frame, *, test_months: int = 9) -> Frame:
    """M3 with every series' test part beginning in one month, `test_months` of it kept."""
    frame = frame.sort_values(["series_id", "month"])
    test = frame["split"].eq("test")
    began = frame["series_id"].map(frame[test].groupby("series_id")["month"].min())
    month = frame["month"].to_numpy(dtype="datetime64[M]")
    age = (month - began.to_numpy(dtype="datetime64[M]")).astype(int)
    kept = age < test_months
    shifted = (_TEST_START + age[kept]).astype(str)
    return frame[kept].assign(month=shifted).drop(columns="split").reset_index(drop=True)


def complete_parts(frame: Frame) -> Frame:
    """Car parts without a blank month."""
    blank = frame.groupby("part_id")["demand"].transform(lambda units: units.isna().any())
    return frame[~blank.astype(bool)].reset_index(drop=True)


_MADE_FIT: dict[str, Callable[[Frame], Frame]] = {"m3": side_by_side, "carparts": complete_parts}
_LOCAL_PEERS = ("seasonal_naive", "holt_winters", "auto_ets", "theta", "ets_theta")
_TREES = ("lightgbm", "lightgbm_direct", "lstm")
PROTOCOLS = [
    Protocol(
        name="stallion",
        about="350 agency x SKU series, 3 months, cutoffs 2016-12 to 2017-09, price and event plans known",
        file="stallion_agency_sku_monthly/stallion.parquet",
        profile="stallion",
        horizon=3,
        windows=4,
        freq="M",
        goal="WAPE .138, agg .100, bias .02, pinball .046",
        peers=(*_TREES, *_LOCAL_PEERS),
    ),
    Protocol(
        name="stallion_without_plans",
        about="the same, nothing known ahead",
        file="stallion_agency_sku_monthly/stallion.parquet",
        profile="stallion",
        horizon=3,
        windows=4,
        freq="M",
        plans=False,
        goal="WAPE .146",
        peers=_TREES,
    ),
    Protocol(
        name="orange_juice",
        about="913 store x brand series, 12 weeks, 3 windows back from the end, price and deal plans known",
        file="orange_juice_dominicks/oj.parquet",
        profile="orange_juice",
        horizon=12,
        windows=3,
        freq="W",
        goal="WAPE .44, bias .08",
        peers=("seasonal_naive", *_TREES, "lightgbm_log_l1"),
    ),
    Protocol(
        name="m3",
        about="M3's 1,428 monthly series, 3 months, from the official test start and 3 and 6 months later",
        file="m3_monthly/m3_monthly.parquet",
        profile="m3",
        horizon=3,
        windows=3,
        freq="M",
        goal="WAPE .083; LSTM alone .090",
        peers=(*_TREES, *_LOCAL_PEERS),
    ),
    Protocol(
        name="carparts",
        about="2,509 complete series of car parts, 71 % zeros, 3 months, 3 windows back from the end",
        file="carparts_monthly/carparts.parquet",
        profile="carparts",
        horizon=3,
        windows=3,
        freq="M",
        goal="agg .93, bias .05",
        by_sums=True,
        peers=(*_TREES, "seasonal_naive", "imapa", "tsb", "croston_sba", "adida"),
    ),
]


def named(name: str) -> Protocol:
    """The protocol of that name."""
    return next(p for p in PROTOCOLS if p.name == name)


def panel_of(protocol: Protocol, folder: Path) -> Panel:
    """The set as a panel, through its mapping profile."""
    path = folder / protocol.file
    fit = _MADE_FIT.get(protocol.name)
    if fit is None:
        panel = panel_of_file([path], protocol.profile, freq=protocol.freq)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch) / path.name
            fit(pd.read_parquet(path)).to_parquet(made, index=False)
            panel = panel_of_file([made], protocol.profile, freq=protocol.freq)
    return panel if protocol.plans else panel.without_plans()
