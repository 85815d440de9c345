"""RebateModel: where each dealer stands in its programme, and where it will end.

In:   canonical tables with their history and a moment; `others["draws"]` (features.draws, from the demand
      room) says what is bought in the first months; without it, and after it, past windows do.
Out:  "attainment", one row a dealer and running programme: score (100 x probability), probability (of
      reaching the next tier by `ends_at`; near 1 where the highest is reached), tiers, shortfall, accrual,
      reasons, plan_zh, plan_en, note
      "tiers", one row a tier: tier_id, what it pays exactly at its threshold, probability
      "refused", one row a ladder that cannot be paid, with its faults
      "purchases", one row a dealer and programme: t00 ... t99, equally likely totals, rising; what any
      other ladder would pay is computed from them
      "spends", one row a dealer and programme: w000 ... w199, what it pays in equally likely worlds, the same
      world in every row: to be summed before quantiles are taken
      "offers", one row a running programme: what another depth starts from (models.rebate.offers)

Amounts are in the programme's currency and never added to those of another. No running programme: frames
without rows. A ladder that cannot be paid is left out of them and stands, with its faults, in "refused".
Notes: no_forecast, short_forecast (draws do not reach three months), no_history, no_case_size,
unknown_award, top_tier, unconverted_currency.
Errors: features.standing.NoSales (programmes without any sell-in), models.errors.NotFitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.known import Tables
from features.planned import by_month, planned_prices
from features.rebates import KEYS, Progress, Statements
from features.sheets import naive
from models.errors import NotFitted
from models.rebate.attainment import Attainment, attain
from models.rebate.cases import amount_per_case
from models.rebate.effect import Effect
from models.rebate.frames import (
    ATTAINMENT,
    EMPTY,
    REFUSED,
    attainment_frame,
    purchases_frame,
    spends_frame,
    tiers_frame,
)
from models.rebate.ladder import BadLadder, Ladder, Ladders
from models.rebate.offers import learned, offers_frame
from models.rebate.promises import award_coins
from models.rebate.remaining import FIRST_MONTHS, MOST_ROWS, TREES, Past, Remaining

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
DRAWS = 400
CONFIDENCE = 0.9
_NEW_ACCOUNT_RATE = 1.0  # of the first threshold, spread over the programme's time: nothing else is known
_LEAST_COVERED = 0.75  # of a month's days, for draws to speak for it


@dataclass(frozen=True, kw_only=True)
class Belief:
    """n rows that can be paid: their draws, and what their ladders make of them."""

    progress: Progress
    ladders: Ladders
    totals: Array  # [n, s]
    told: Attainment
    notes: Mapping[str, Flags]
    refused: pd.DataFrame


@dataclass
class RebateModel:
    """Belief in what is still bought; the rest follows from the ladder."""

    trees: int = TREES
    most_rows: int = MOST_ROWS
    seed: int = 0
    confidence: float = CONFIDENCE  # that plans of rates keep their budget, where a question says none
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)
    remaining_: Remaining = field(init=False, repr=False)
    effect_: Effect | None = field(init=False, repr=False, compare=False)  # None: too little was tried

    def fit(self, progress: Progress) -> Self:
        """Learn from what every account bought, up to a moment."""
        self.cutoff_ = progress.moment
        self.remaining_ = Remaining(trees=self.trees, most_rows=self.most_rows, seed=self.seed)
        self.remaining_.fit(past(progress))
        self.effect_ = learned(progress)
        return self

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every programme that runs at the moment."""
        if not hasattr(self, "remaining_"):
            raise NotFitted(self)
        moment, statements = naive(as_of), Statements.of(tables)
        if statements.running(moment).empty:
            return {name: frame.copy() for name, frame in EMPTY.items()}
        return self.frames(statements.at(moment), (others or {}).get("draws"))

    def frames(self, progress: Progress, draws: pd.DataFrame | None = None) -> dict[str, pd.DataFrame]:
        """The frames of where accounts stand."""
        belief = self.believe(progress, draws)
        held, told, rows = belief.ladders, belief.told, belief.progress.rows
        case = amount_per_case(belief.progress)
        notes = {**belief.notes, "no_case_size": ~case.sized}
        frame = attainment_frame(belief.progress, held, told, belief.totals, case.amount)
        frame["note"] = _noted(notes, told)
        return {
            "attainment": frame[ATTAINMENT.columns],
            "tiers": tiers_frame(rows, held, told),
            "purchases": purchases_frame(rows, belief.totals),
            "spends": spends_frame(rows, held, told),
            "refused": belief.refused,
            "offers": offers_frame(belief.progress, frame),
        }

    def believe(self, progress: Progress, draws: pd.DataFrame | None = None) -> Belief:
        """Draws of the purchases of each payable row, and what its ladder makes of them."""
        ladders, progress, refused = _payable(progress)
        totals, notes = self.totals(progress, draws)
        held, rows = Ladders.of(ladders), progress.rows
        coins, rng = held.to_coins(totals), np.random.default_rng(self.seed)
        awards, unknown = award_coins(tuple(ladders), rows, coins, held.coins_per_unit, rng)
        return Belief(
            progress=progress,
            ladders=held,
            totals=totals,
            told=attain(held, rows["amount_to_date"].to_numpy(float), totals, awards),
            notes=notes | {"unknown_award": unknown, "unconverted_currency": (rows["note"] != "").to_numpy()},
            refused=refused,
        )

    def totals(self, progress: Progress, draws: pd.DataFrame | None = None) -> tuple[Array, dict[str, Flags]]:
        """Draws of each row's purchases over its whole programme, [n, s]; what is to be said of which row."""
        rows, known = progress.rows, past(progress)
        account = rows["account"].to_numpy(np.intp)
        months = rows["months_left"].to_numpy(float)
        mine = known.take(account)
        first = None if draws is None or draws.empty else _first_months(progress, draws)
        count = DRAWS if first is None else first.amounts.shape[2]
        within = self.remaining_.draw(mine, months, count=count, seed=self.seed)
        new: Flags = np.asarray(~(mine.amounts > 0).any(axis=1))
        within[new] = _of_new(rows.loc[new], within.shape[1], self.seed)
        notes: dict[str, Flags] = {"no_history": new, "no_forecast": np.full(len(rows), first is None)}
        if first is not None:
            usable = first.reaches(account, months)
            told = self._told(mine, months, first.amounts[account])
            within = np.where(usable[:, None], told, within)
            notes |= {"no_forecast": ~first.known[account], "short_forecast": first.known[account] & ~usable}
        bought, opened = (rows[name].to_numpy(float)[:, None] for name in ("amount_to_date", "open_amount"))
        return np.asarray(bought - opened + np.maximum(within, opened)), notes

    def _told(self, mine: Past, months: Array, first: Array) -> Array:
        """Draws of the first months [n, FIRST_MONTHS, s], and past windows after them, [n, s]."""
        share = np.clip(months[:, None] - np.arange(FIRST_MONTHS)[None, :], 0, 1)
        near = (first * share[:, :, None]).sum(axis=1)
        rest = self.remaining_.after(mine, months, first.sum(axis=1), seed=self.seed)
        return np.asarray(near + np.where((months > FIRST_MONTHS)[:, None], rest, 0.0))


def _payable(progress: Progress) -> tuple[list[Ladder], Progress, pd.DataFrame]:
    """Ladders of the rows, the rows whose ladder can be paid, and the others with their faults."""
    tiers = {key: part for key, part in progress.tiers.groupby(KEYS, sort=False)}
    awards = {key: part for key, part in progress.awards.groupby(KEYS, sort=False)}
    ladders, kept, refused = list[Ladder](), list[int](), list[tuple[str, str, str]]()
    for row, key in enumerate(zip(progress.rows[KEYS[0]], progress.rows[KEYS[1]], strict=True)):
        try:
            ladders.append(ladder_of(tiers[key], awards.get(key)))
        except BadLadder as bad:
            refused.append((*key, "; ".join(bad.faults)))
        else:
            kept.append(row)
    return ladders, progress.take(kept), pd.DataFrame(refused, columns=REFUSED.columns)


def ladder_of(tiers: pd.DataFrame, awards: pd.DataFrame | None = None) -> Ladder:
    """The ladder of one dealer and programme, from rows of `rebate_programmes` and `rebate_awards`."""
    rules = list(dict.fromkeys(tiers["tier_rule"].astype(str)))
    if len(rules) > 1:
        raise BadLadder([f"rules {', '.join(rules)} in one ladder"])
    rows = tiers.sort_values("tier_no")
    cap = rows["cap_amount"].min()
    names = ("tier_no", "threshold_amount", "rebate_rate")
    return Ladder.of(
        [(int(no), at, rate) for no, at, rate in zip(*(rows[name] for name in names), strict=True)],
        rule=rules[0],
        currency=rows["currency"].astype(str).tolist(),
        cap_amount=None if pd.isna(cap) else cap,
        awards=[] if awards is None else awards.to_dict("records"),  # type: ignore[arg-type]
    )


def past(progress: Progress) -> Past:
    """What accounts bought by month."""
    return Past(
        amounts=np.maximum(progress.amounts, 0.0),
        cover=progress.cover,
        top_rate=progress.top_rate,
        first_month=progress.months[0].month,
    )


@dataclass(frozen=True, kw_only=True)
class _First:
    """Draws of demand in money: n accounts, the first months, s draws."""

    amounts: Array  # [n, FIRST_MONTHS, s]
    known: NDArray[np.bool_]  # [n] accounts that the draws speak of
    covered: Array  # [FIRST_MONTHS] share of days

    def reaches(self, account: NDArray[np.intp], months: Array) -> NDArray[np.bool_]:
        """Whether the draws cover what is asked of each row's first months, [n]."""
        asked = np.arange(FIRST_MONTHS)[None, :] < np.ceil(months)[:, None]
        whole = ((self.covered >= _LEAST_COVERED)[None, :] | ~asked).all(axis=1)
        return np.asarray(self.known[account] & whole)


def _first_months(progress: Progress, frame: pd.DataFrame) -> _First:
    """Draws of units at planned net prices, by account and month."""
    draws = Draws.of(frame)
    accounts = progress.accounts.assign(account=np.arange(len(progress.accounts)))
    keys = draws.keys.assign(row=np.arange(len(draws.keys))).merge(
        accounts[["dealer_id", "currency", "account"]], on="dealer_id"
    )
    prices = planned_prices(keys, draws.periods, progress.seen, progress.moment)
    worth = draws.units[keys["row"].to_numpy()] * np.nan_to_num(prices)[:, :, None]
    amounts = np.zeros((len(accounts), len(draws.periods), draws.count))
    np.add.at(amounts, keys["account"].to_numpy(), worth)
    by_months, covered = by_month(amounts, draws.periods, progress.first_open, months=FIRST_MONTHS)
    filled = by_months / np.maximum(covered, 1e-9)[None, :, None]
    known = np.isin(np.arange(len(accounts)), keys["account"].to_numpy())
    return _First(amounts=filled, known=known, covered=covered)


def _of_new(rows: pd.DataFrame, count: int, seed: int) -> Array:
    """Purchases of dealers that never bought: as much as nothing, or as their ladder hopes for, [n, s]."""
    rng = np.random.default_rng(seed)
    days = rows["days_elapsed"] + rows["days_left"]
    left = (rows["days_left"] / days.where(days > 0, 1)).to_numpy(float)
    hoped = rows["first_threshold"].to_numpy(float) * _NEW_ACCOUNT_RATE * left
    return np.asarray(hoped[:, None] * rng.gamma(1.0, 1.0, (len(rows), count)))


def _noted(notes: Mapping[str, Flags], told: Attainment) -> Sequence[str]:
    top = np.isnan(told.shortfall)
    order = {**notes, "top_tier": top}
    return [", ".join(name for name, of in order.items() if of[row]) for row in range(len(top))]
