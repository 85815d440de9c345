"""Rebates: how far each dealer has come in each running programme, as it was known at a moment.

In:   canonical tables with their whole history (`Statements.of`), then any moment (`Statements.at`). Needed:
      sell_in; used when there: returns, prices, rebate_programmes, rebate_awards, fx_rates, and for awards
      sell_out, stock, outlets, invoices, payments.
Out:  `Progress`: n accounts (a dealer and a currency) over t months that are over and on record
      amounts   [n, t]  purchases net of returns, in the account's currency
      cover     [n, t]  stock at the month's end over what was sold in the last three months; NaN unknown
      top_rate  [n, t + AHEAD]  highest rate of the ladders running in the month; NaN where none runs
      rows      one a dealer and running programme: dealer_id, programme_id, currency, starts_at, ends_at,
                account, first_threshold, amount_to_date, open_amount (its part in months that are not over),
                days_elapsed, days_left, months_left; the measures of awards so far: outlets (that bought),
                turnover (stock turns a year), collections (share paid in time), due_amount; `usual_` the
                same of the last twelve months; outlets_known, outlets_month (that buy in a month)
      tiers, awards     rows of the tables, of the running programmes

A purchase counts in a programme when its period starts inside it; a row without an amount counts with the
net price of its dealer, product and period, else the product's usual price. Amounts of another currency
are converted at the last rate known when they were booked; without a rate they are left out, and the note
of the row says `unconverted_currency`.
Errors: features.standing.NoSales.

>>> month = pd.to_datetime(["2024-11-01", "2024-12-01", "2025-01-01"])
>>> sold = pd.DataFrame({"dealer_id": "D1", "sku_id": "S1", "document_id": "", "period_start": month,
...     "qty_sell_in": 5.0, "amount": [50.0, 60.0, 70.0], "currency": "CNY",
...     "known_at": month + pd.DateOffset(months=1)})
>>> programmes = pd.DataFrame({"programme_id": "R", "dealer_id": "D1", "tier_no": 1,
...     "threshold_amount": 100.0, "rebate_rate": 0.02, "tier_rule": "marginal", "currency": "CNY",
...     "starts_at": month[[1]], "ends_at": pd.to_datetime(["2025-06-30"]), "cap_amount": np.nan,
...     "known_at": month[[0]]})
>>> now = pd.Timestamp("2025-02-01")
>>> progress = Statements.of({"sell_in": sold, "rebate_programmes": programmes}).at(now)
>>> progress.rows[["amount_to_date", "months_left"]].to_dict("records")
[{'amount_to_date': 130.0, 'months_left': 5.0}]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.exposure import MissingRate, converted
from features.known import Tables
from features.measures import in_time, outlets, turnover
from features.sheets import Sheet, naive
from features.standing import Books, Standing

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

AHEAD = 24  # months of ladders seen beyond the last month on record
UNCONVERTED = "unconverted_currency"
_OWN = ("rebate_programmes", "rebate_awards", "prices")
_COVER_MONTHS = 3
_DAY = pd.Timedelta(days=1)
KEYS = ["dealer_id", "programme_id"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """n accounts over t months, and where each running programme stands."""

    moment: pd.Timestamp
    months: pd.DatetimeIndex  # [t]
    accounts: pd.DataFrame  # [n] dealer_id, currency, territory_id, tier
    amounts: Array  # [n, t]
    cover: Array  # [n, t]
    top_rate: Array  # [n, t + AHEAD]
    rows: pd.DataFrame
    tiers: pd.DataFrame
    awards: pd.DataFrame
    standing: Standing
    seen: Mapping[str, pd.DataFrame]  # prices, products ... as known at the moment

    def take(self, rows: Sequence[int]) -> Self:
        """Some of the rows."""
        return replace(self, rows=self.rows.iloc[list(rows)].reset_index(drop=True))

    @property
    def first_open(self) -> pd.Timestamp:
        """The first month that is not over and on record."""
        return self.months[-1] + pd.DateOffset(months=1)


@dataclass(frozen=True)
class Statements:
    """Tables made ready once, to be seen at many moments."""

    books: Books
    sheets: Mapping[str, Sheet]

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Canonical tables with their whole history."""
        held = {name: tables[name] for name in _OWN if name in tables and len(tables[name])}
        return cls(Books.of(tables), {name: Sheet.of(name, frame) for name, frame in held.items()})

    def seen(self, name: str, moment: pd.Timestamp) -> pd.DataFrame:
        """A table as it was known; without rows when nobody loaded it."""
        if name in self.sheets:
            own: pd.DataFrame = self.sheets[name].at(moment)
            return own
        told: pd.DataFrame = pd.DataFrame() if name in _OWN else self.books.seen(name, moment)
        return told

    def running(self, moment: pd.Timestamp) -> pd.DataFrame:
        """Tiers of the programmes that run at the moment; its columns, also when none does."""
        moment, told = naive(moment), self.seen("rebate_programmes", naive(moment))
        if told.empty:
            return pd.DataFrame(columns=[*KEYS, "starts_at", "ends_at", "currency"])
        inside = (told["starts_at"] <= moment) & (moment < told["ends_at"].dt.normalize() + _DAY)
        kept: pd.DataFrame = told[inside].sort_values([*KEYS, "tier_no"], ignore_index=True)
        return kept

    def at(self, moment: pd.Timestamp) -> Progress:
        """Where every account and every running programme stood."""
        moment = naive(moment)
        standing = self.books.at(moment)
        tiers, programmes = self.running(moment), self.seen("rebate_programmes", moment)
        accounts = _accounts(standing, tiers, programmes, self.books.seen("sell_in", moment))
        dated, lost = self._dated(accounts, moment)
        rows = _rows(tiers, accounts, standing, moment)
        rows["amount_to_date"] = _between(dated, rows)
        rows["open_amount"] = _between(dated, rows, since=standing.months[-1] + pd.DateOffset(months=1))
        rows = pd.concat([rows, self._measures(standing, rows, moment)], axis=1)
        rows["note"] = np.where(rows["account"].isin(lost), UNCONVERTED, "")
        place = standing.dealer_ids.get_indexer(pd.Index(accounts["dealer_id"]))
        return Progress(
            moment=moment,
            months=standing.months,
            accounts=accounts,
            amounts=_monthly(dated, len(accounts), standing.months),
            cover=_cover(standing)[place],
            top_rate=_top_rate(programmes, accounts, standing.months),
            rows=rows,
            tiers=tiers,
            awards=_awards(self.seen("rebate_awards", moment), rows),
            standing=standing,
            seen={name: self.seen(name, moment) for name in ("prices", "products", "sell_in", "fx_rates")},
        )

    def outcome(self, progress: Progress, moment: pd.Timestamp) -> pd.DataFrame:
        """What the rows of an earlier moment came to: amount, and the measures of awards; one a row."""
        dated, _ = self._dated(progress.accounts, naive(moment))
        told = self._measures(self.books.at(naive(moment)), progress.rows, naive(moment))
        amount = _between(dated, progress.rows)
        return told[["outlets", "turnover", "collections"]].assign(amount=amount)

    def _measures(self, standing: Standing, rows: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
        """What awards ask for: so far, and in the last twelve months."""
        year = rows.assign(starts_at=moment - pd.DateOffset(months=12), ends_at=moment - _DAY)
        out: dict[str, Any] = {}
        for prefix, asked in (("", rows), ("usual_", year)):
            for measure in (outlets, turnover):
                out[prefix + measure.__name__] = measure(self.books, standing, asked, moment)
            bills, paid = (self.books.seen(name, moment) for name in ("invoices", "payments"))
            told = in_time(bills, paid, asked, moment)
            out |= {f"{prefix}collections": told["share"], f"{prefix}due_amount": told["due_amount"]}
        place = standing.dealer_ids.get_indexer(pd.Index(rows["dealer_id"]))
        monthly = np.vstack([standing.layers["outlets"], np.full((1, len(standing.months)), np.nan)])
        seen = monthly[place, -12:]
        count = np.isfinite(seen).sum(axis=1)
        out["outlets_month"] = np.where(count > 0, np.nansum(seen, axis=1) / np.maximum(count, 1), np.nan)
        out["outlets_known"] = standing.facts["outlets_known"].reindex(rows["dealer_id"]).to_numpy(float)
        return pd.DataFrame(out, index=rows.index)

    def _dated(self, accounts: pd.DataFrame, moment: pd.Timestamp) -> tuple[pd.DataFrame, list[int]]:
        """Purchases and returns by account: account, period_start, amount; accounts that lost rows."""
        sold = _valued(self.seen("sell_in", moment), "qty_sell_in", self.seen("prices", moment))
        back = self.seen("returns", moment)
        if len(back):
            worth = _valued(back, "qty_returned", _usual_prices(sold))
            sold = pd.concat([sold, worth.assign(amount=-worth["amount"])])
        held = accounts[["dealer_id", "currency"]].assign(account=np.arange(len(accounts)))
        both = sold.merge(held, on="dealer_id", suffixes=("", "_account"))
        amount, lost = _converted(both, self.seen("fx_rates", moment))
        dated = both[["account", "period_start"]].assign(amount=amount)
        dated = dated[np.isfinite(amount)].sort_values(["account", "period_start"], ignore_index=True)
        return dated, lost


def _accounts(
    standing: Standing, tiers: pd.DataFrame, programmes: pd.DataFrame, sold: pd.DataFrame
) -> pd.DataFrame:
    """Each dealer in the currency of its programmes, running ones first; in that of its purchases else."""
    usual = sold[sold["currency"].notna()].groupby(["dealer_id", "currency"], observed=True).size()
    bought = usual.reset_index(name="rows").sort_values("rows", ascending=False, kind="stable")
    named = [frame[["dealer_id", "currency"]] for frame in (tiers, programmes) if len(frame)]
    pairs = pd.concat([*named[:1]]) if len(tiers) else pd.DataFrame(columns=["dealer_id", "currency"])
    others = pd.concat([*named[-1:], bought[["dealer_id", "currency"]]]).drop_duplicates("dealer_id")
    others = others[~others["dealer_id"].isin(set(pairs["dealer_id"]))]
    bare = pd.DataFrame({"dealer_id": standing.dealer_ids.astype(str), "currency": ""})
    told = pd.concat([pairs, others]).astype(str).drop_duplicates()
    told = pd.concat([told, bare[~bare["dealer_id"].isin(set(told["dealer_id"]))]])
    told = told[told["dealer_id"].isin(set(standing.dealer_ids) | set(pairs["dealer_id"]))]
    told = told.sort_values(["dealer_id", "currency"], ignore_index=True)
    traits = standing.dealers[["territory_id", "tier"]].reindex(told["dealer_id"]).fillna("")
    return told.join(traits.reset_index(drop=True))


def _valued(rows: pd.DataFrame, quantity: str, prices: pd.DataFrame) -> pd.DataFrame:
    """dealer_id, period_start, amount, currency; a row without an amount at a price."""
    told = rows[["dealer_id", "sku_id", "period_start", "currency", "known_at"]].reset_index(drop=True)
    told = told.assign(amount=rows["amount"].to_numpy(float), units=rows[quantity].to_numpy(float))
    told["currency"] = told["currency"].astype(object).fillna("")
    blank = told["amount"].isna() & (told["units"] != 0)
    if blank.any():
        told.loc[blank, ["amount", "currency"]] = _at_price(told, told[blank], prices)
    return told


def _at_price(told: pd.DataFrame, blank: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """What rows are worth at the price of their period, else at what the product usually costs."""
    key = ["dealer_id", "sku_id", "period_start"]
    out = pd.DataFrame({"amount": np.nan, "currency": blank["currency"]}, index=blank.index)
    if len(prices):
        found = blank[key].merge(prices[[*key, "net_price", "currency"]], on=key, how="left")
        out["amount"] = found["net_price"].to_numpy(float) * blank["units"].to_numpy()
        stated = found["currency"].astype(object).fillna("").to_numpy()
        out["currency"] = np.where(stated != "", stated, out["currency"])
    known = told[told["amount"].notna() & (told["units"] > 0)]
    usual = (known["amount"] / known["units"]).groupby(known["sku_id"]).median()
    worth = blank["sku_id"].map(usual).astype(float) * blank["units"]
    return out.assign(amount=out["amount"].fillna(worth).fillna(0.0))


def _usual_prices(sold: pd.DataFrame) -> pd.DataFrame:
    """What a dealer paid for a product in a period, as a price table: goods come back at that price."""
    paid = sold[(sold["units"] > 0) & (sold["amount"] > 0)]
    price = paid["amount"] / paid["units"]
    told = paid[["dealer_id", "sku_id", "period_start", "currency"]].assign(net_price=price)
    return told.drop_duplicates(["dealer_id", "sku_id", "period_start"])


def _converted(both: pd.DataFrame, rates: pd.DataFrame) -> tuple[Array, list[int]]:
    """Amounts in the account's currency, NaN without a rate; the accounts that have such."""
    out = both["amount"].to_numpy(float).copy()
    lost: list[int] = []
    foreign = (both["currency"] != both["currency_account"]) & (both["currency"] != "")
    foreign &= both["currency_account"] != ""
    pairs = both[foreign].groupby(["currency", "currency_account"], sort=True)
    for (base, quote), part in pairs:
        place = np.flatnonzero(both.index.isin(part.index))
        try:
            found = converted(
                out[place], [str(base)] * len(place), part["known_at"], _rates(rates), currency=str(quote)
            )
        except MissingRate:
            found = np.full(len(place), np.nan)
            lost += part["account"].unique().tolist()
        out[place] = found
    return out, lost


def _rates(rates: pd.DataFrame) -> pd.DataFrame:
    names = ["base_currency", "quote_currency", "rate", "known_at"]
    return rates if len(rates) else pd.DataFrame(columns=names)


def _rows(
    tiers: pd.DataFrame, accounts: pd.DataFrame, standing: Standing, moment: pd.Timestamp
) -> pd.DataFrame:
    """One row a dealer and running programme."""
    rows = tiers.drop_duplicates(KEYS)[[*KEYS, "currency", "starts_at", "ends_at"]].reset_index(drop=True)
    lowest = tiers.groupby(KEYS, sort=False)["threshold_amount"].min() if len(tiers) else pd.Series()
    rows["first_threshold"] = lowest.to_numpy(float)
    index = pd.MultiIndex.from_frame(accounts[["dealer_id", "currency"]])
    wanted = pd.MultiIndex.from_frame(rows[["dealer_id", "currency"]].astype(str))
    rows["account"] = index.get_indexer(wanted)
    ends = pd.to_datetime(rows["ends_at"]).dt.normalize() + _DAY
    starts = pd.to_datetime(rows["starts_at"])
    rows["days_elapsed"] = (moment - starts).dt.days.astype(float)
    rows["days_left"] = (ends - moment).dt.days.clip(lower=0).astype(float)
    rows["months_left"] = _months_left(ends, standing.months[-1] + pd.DateOffset(months=1))
    return rows


def _months_left(ends: "pd.Series[Any]", first_open: pd.Timestamp) -> Array:
    """Months from the first that is not on record to the end, the last one in part."""
    whole = (ends.dt.year - first_open.year) * 12 + ends.dt.month - first_open.month
    part = (ends.dt.day - 1) / ends.dt.days_in_month
    return np.asarray((whole + part).clip(lower=0), dtype=float)


def _between(dated: pd.DataFrame, rows: pd.DataFrame, since: pd.Timestamp | None = None) -> Array:
    """Sum of each row's account from its start (not before `since`) to its end."""
    day = (dated["period_start"] - pd.Timestamp(0)).dt.days.to_numpy()
    key = dated["account"].to_numpy() * 1e6 + day
    total = np.append(0.0, np.cumsum(dated["amount"].to_numpy()))

    def upto(days: "pd.Series[Any]", side: Any) -> Array:
        wanted = rows["account"].to_numpy() * 1e6 + (days - pd.Timestamp(0)).dt.days.to_numpy()
        return np.asarray(total[np.searchsorted(key, wanted, side)])

    starts, ends = pd.to_datetime(rows["starts_at"]), pd.to_datetime(rows["ends_at"])
    starts = starts if since is None else starts.where(starts >= since, since)
    return np.asarray(np.where(starts <= ends, upto(ends, "right") - upto(starts, "left"), 0.0).round(6))


def _monthly(dated: pd.DataFrame, n: int, months: pd.DatetimeIndex) -> Array:
    """Purchases of accounts by month, [n, t]."""
    start = dated["period_start"].dt
    step = ((start.year - months[0].year) * 12 + start.month - months[0].month).to_numpy()
    inside = (step >= 0) & (step < len(months))
    cell = dated["account"].to_numpy()[inside] * len(months) + step[inside]
    sums = np.bincount(cell, dated["amount"].to_numpy()[inside], n * len(months))
    return np.asarray(sums.reshape(n, len(months)), dtype=float)


def _cover(standing: Standing) -> Array:
    """Months of stock at each month's end; a last row of NaN for dealers that are not there, [d + 1, t]."""
    stock, sold = standing.layers["on_hand"], standing.layers["sold_out"]
    total = np.cumsum(np.nan_to_num(sold), axis=1)
    before = np.concatenate([np.zeros((len(sold), _COVER_MONTHS)), total], axis=1)[:, : sold.shape[1]]
    pace = (total - before) / _COVER_MONTHS
    with np.errstate(divide="ignore", invalid="ignore"):
        cover = np.where(np.isfinite(stock) & (pace > 0), stock / pace, np.nan)
    return np.vstack([cover, np.full((1, sold.shape[1]), np.nan)])


def _top_rate(programmes: pd.DataFrame, accounts: pd.DataFrame, months: pd.DatetimeIndex) -> Array:
    """Highest rate on offer in a month, [n, t + AHEAD]."""
    reach = pd.date_range(months[0], periods=len(months) + AHEAD, freq="MS")
    out = np.full((len(accounts), len(reach)), -np.inf)
    if programmes.empty:
        return np.full(out.shape, np.nan)
    best = programmes.groupby(["dealer_id", "starts_at", "ends_at"])["rebate_rate"].max().reset_index()
    best = best.merge(accounts.assign(row=np.arange(len(accounts)))[["dealer_id", "row"]], on="dealer_id")
    first = best["starts_at"].dt.to_period("M").dt.start_time.to_numpy("datetime64[ns]")
    last, month = best["ends_at"].to_numpy("datetime64[ns]"), reach.to_numpy("datetime64[ns]")
    inside = (month[None, :] >= first[:, None]) & (month[None, :] <= last[:, None])
    rates = np.where(inside, best["rebate_rate"].to_numpy(float)[:, None], -np.inf)
    np.maximum.at(out, best["row"].to_numpy(), rates)
    return np.where(np.isfinite(out), out, np.nan)


def _awards(awards: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Awards of the running programmes; nothing when nobody loaded any."""
    if awards.empty:
        return pd.DataFrame(columns=[*KEYS, "award_id", "measure", "threshold"])
    held = awards.merge(rows[KEYS], on=KEYS)
    return held.sort_values([*KEYS, "award_id"], ignore_index=True)
