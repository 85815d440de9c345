"""From raw rows to canonical tables, by a profile; every row remembers its origin.

In:   a sheet of raw rows and a profile that knows the columns and the frequency.
Out:  one frame a table, whose index is the label of the raw row that it came from.

A wide file of sales, prices and promotions becomes several tables. Plans and signals turn
long, one `kind` a row. A register (dealers, products) keeps a row only where something
changed. Documents of one period share one price, weighed by their units.

Limits: quantities are converted to sales units and prices to prices per sales unit; the
        amount of a document is taken as it is, but for `scales`.
"""

from typing import Any

import pandas as pd

from features.sources.profile import Profile
from features.sources.reading import Reading
from features.sources.timing import REGISTERS, timed
from features.tables import SCHEMAS, Table

Tables = dict[str, pd.DataFrame]
_PRICES = ("list_price", "net_price")


def draft(reading: Reading) -> Tables:
    """The canonical tables of a sheet, not yet judged."""
    profile = reading.profile
    tables = {name: _table(reading, SCHEMAS[name]) for name in SCHEMAS if name in profile.tables}
    long = {"promotions": profile.plans, "signals": profile.signals}
    return tables | {name: _long(reading, SCHEMAS[name], kinds) for name, kinds in long.items() if kinds}


def _table(reading: Reading, table: Table) -> pd.DataFrame:
    mapped = reading.profile.tables[table.name]
    columns = {name: _column(reading, table, name) for name in mapped}
    money = reading.currency((table.name, "currency")) if "currency" in table.columns else None
    found = _keys(reading, table) | ({} if money is None else {"currency": money}) | columns
    frame = timed(reading, table, _scaled(reading, table, pd.DataFrame(found, index=reading.rows.index)))
    if table.name in REGISTERS:
        return _changes(table, frame)
    if table.name == "prices" and reading.profile.grain == "day":
        return _averaged(frame, table, _PRICES, _weights(reading))
    frame = frame[~_left_out(reading, table, frame)]
    return _summed(frame, table) if reading.profile.duplicates == "sum" else frame


def _column(reading: Reading, table: Table, name: str) -> "pd.Series[Any]":
    """A mapped column; one that stands in the profile's column of currencies holds their ISO codes."""
    raw, money = reading.profile.tables[table.name][name], reading.profile.currencies
    codes = reading.currency((table.name, name)) if money and raw == (money.column,) else None
    return reading.column(table, name, raw) if codes is None else codes


def _summed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Rows of one key as one, quantities and amounts added; a key with a broken cell stays as it is."""
    added = [name for name in (*table.quantities, "amount") if name in frame]
    by = [name for name in table.stored_key if name in frame]
    if not table.quantities or not frame.duplicated(by).any():
        return frame
    whole = frame[[*by, *added]].notna().all(axis=1)
    groups = frame[whole].groupby(by, sort=False)
    sums = groups[added].transform("sum")
    return pd.concat([frame[whole].assign(**sums)[~frame[whole].duplicated(by)], frame[~whole]]).sort_index()


def _long(reading: Reading, table: Table, kinds: dict[str, str]) -> pd.DataFrame:
    base = timed(reading, table, pd.DataFrame(_keys(reading, table), index=reading.rows.index))
    values = {kind: reading.column(table, "value", (raw,)) for kind, raw in kinds.items()}
    frame = pd.concat([base.assign(kind=kind, value=value) for kind, value in values.items()])
    if reading.profile.grain == "day":
        return _averaged(frame, table, ("value",), pd.Series(1.0, index=frame.index))
    return frame


def _keys(reading: Reading, table: Table) -> dict[str, Any]:
    profile = reading.profile
    constants = {name: value for name, value in profile.constants.items() if name in table.columns}
    keys = {name: raw for name, raw in profile.keys.items() if name in table.columns}
    return constants | {name: reading.column(table, name, raw) for name, raw in keys.items()}


def _scaled(reading: Reading, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Quantities in sales units, prices and rates per one; then whatever the profile scales."""
    units = [name for name in table.quantities if name in frame]
    prices = [name for name in (*_PRICES, "rate") if name in frame]
    scaled = {name: frame[name] * reading.factor((table.name, name)) for name in units}
    scaled |= {name: frame[name] / reading.factor((table.name, name)) for name in prices}
    frame = frame.assign(**scaled)
    times = {
        name: f for name, f in reading.profile.scales.items() if name in reading.profile.tables[table.name]
    }
    return frame.assign(**{name: frame[name] * factor for name, factor in times.items()})


def _left_out(reading: Reading, table: Table, frame: pd.DataFrame) -> "pd.Series[bool]":
    """Rows without a quantity that are no fault: gaps, where the profile says so, and plans.

    A row after the last quantity of the whole sheet, in a file with plans, is there for its plans.
    """
    blank = reading.blank(table, frame)
    profile: Profile = reading.profile
    if profile.blank_quantity == "missing" or "period_start" not in frame:
        return blank & (profile.blank_quantity == "missing")
    if not (profile.plans or "prices" in profile.tables):
        return blank & False
    later: pd.Series[bool] = frame["period_start"] > frame.loc[~blank, "period_start"].max()
    return blank & later


def _changes(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a register at which something changed, by id and time."""
    ordered = frame[frame["known_at"].notna()].sort_values([*table.key, "known_at"], kind="stable")
    cells = ordered.drop(columns="known_at")
    same = (cells == cells.shift()) | (cells.isna() & cells.shift().isna())
    return ordered[~same.all(axis=1)]


def _weights(reading: Reading) -> "pd.Series[float]":
    """The units of each document; all alike when the profile has no sell-in."""
    raw = reading.profile.tables.get("sell_in", {}).get("qty_sell_in")
    if raw is None:
        return pd.Series(1.0, index=reading.rows.index)
    place = ("sell_in", "qty_sell_in")
    return reading.column(SCHEMAS["sell_in"], "qty_sell_in", raw) * reading.factor(place)


def _averaged(
    frame: pd.DataFrame, table: Table, columns: tuple[str, ...], weights: "pd.Series[float]"
) -> pd.DataFrame:
    """One row a key and currency, weighed; its label is that of the first row."""
    by = [*table.key, *(["currency"] if "currency" in frame else [])]
    frame, weights = frame[frame[by].notna().all(axis=1)], weights[frame[by].notna().all(axis=1).to_numpy()]
    groups = frame.groupby(by, sort=False, dropna=False).ngroup()
    means = {name: _mean(frame[name], weights, groups) for name in columns if name in frame}
    return frame.assign(**means)[~groups.duplicated()]


def _mean(
    values: "pd.Series[float]", weights: "pd.Series[float]", groups: "pd.Series[int]"
) -> "pd.Series[float]":
    """The weighted mean of each row's group, over the rows that have a value and a weight."""
    weight = weights.where(values.notna() & (weights > 0)).to_numpy()
    parts = pd.DataFrame({"weight": weight, "total": values.to_numpy() * weight})
    sums = parts.groupby(groups.to_numpy()).transform("sum", min_count=1)
    return pd.Series((sums["total"] / sums["weight"]).to_numpy(), index=values.index)
