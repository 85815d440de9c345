"""Contracts: what a dealer signed, in Chinese or English, with every clause known.

A text is a head with the parties, then some of the clause types (most of them, in the order of
the titles), each under its numbered title, then signatures. Truth gives the span of each
clause, without its title, as offsets into the text: `text[begins:ends]` is the clause.

>>> from features.simulator.channel import simulate
>>> made = simulate(World(months=12))
>>> clause = made.truth["clauses"].iloc[0]
>>> text = made.tables["contracts"].set_index("contract_id")["text"][clause["contract_id"]]
>>> text[clause["begins"] : clause["ends"]].endswith(("。", "."))
True
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulator.clauses import CLAUSES, TITLES
from features.simulator.geography import Geography
from features.simulator.grid import stamps
from features.simulator.periods import Periods
from features.simulator.world import World

RISKS = ("low", "medium", "high")
_RISK_RATES = np.array([0.6, 0.25, 0.15])
_KEPT_RATE = 0.75  # of the clause types are in a contract
_LEAST_DAYS, _MOST_DAYS = 300, 1100

_HEADS = {
    "zh": [
        "经销合同\n甲方:品牌公司\n乙方:{name}\n",
        "区域经销协议\n供方(甲方):品牌公司\n需方(乙方):{name}\n",
    ],
    "en": [
        "DISTRIBUTION AGREEMENT\nbetween the Company and {name} (the Distributor)\n",
        "DEALER AGREEMENT\nCompany: the brand owner\nDistributor: {name}\n",
    ],
}
_NUMBERED = {"zh": "第{n}条 {title}\n", "en": "{n}. {title}\n"}
_FEET = {"zh": "甲方(盖章)    乙方(盖章)\n", "en": "Signed for the Company    Signed for the Distributor\n"}
_AREAS = {
    "zh": ("华东地区", "江苏省", "成都市", "华南三省"),
    "en": ("East China", "Jiangsu", "Chengdu", "Guangdong"),
}
_PLACES = {"zh": ("宁波市", "长沙市", "西安市"), "en": ("Ningbo", "Changsha", "Xi'an")}


@dataclass(frozen=True)
class Span:
    """Where a clause stands in a text."""

    clause_type: str
    risk: str
    begins: int
    ends: int


def contracts(world: World, periods: Periods, land: Geography) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Canonical table `contracts`, and the clauses that are in each."""
    rng = world.rng("contracts")
    on_file = np.flatnonzero(rng.random(world.dealers) < world.contract_share)
    starts = np.maximum(land.joined[on_file], periods.starts[0] - _MOST_DAYS)
    length_days = rng.integers(_LEAST_DAYS, _MOST_DAYS, len(on_file)).astype("m8[D]")
    languages = np.where(rng.random(len(on_file)) < world.english_share, "en", "zh")
    written = [write(rng, str(lang), str(land.names[d])) for lang, d in zip(languages, on_file, strict=True)]
    ids = [f"K{land.dealer_ids[d]}" for d in on_file]
    table = pd.DataFrame(
        {
            "contract_id": pd.Series(ids, dtype="str"),
            "dealer_id": pd.Series(land.dealer_ids[on_file].tolist(), dtype="str"),
            "signed_at": stamps(starts),
            "starts_at": stamps(starts),
            "ends_at": stamps(starts + length_days),
            "language": pd.Series(languages.tolist(), dtype="str"),
            "text": pd.Series([text for text, _ in written], dtype="str"),
            "event_at": stamps(starts),
            "known_at": stamps(starts),
        }
    )
    spans = [{"contract_id": k, **vars(s)} for k, (_, found) in zip(ids, written, strict=True) for s in found]
    return table, pd.DataFrame(spans, columns=["contract_id", *Span.__dataclass_fields__])


def write(rng: np.random.Generator, language: str, name: str) -> tuple[str, list[Span]]:
    """One contract and its clauses."""
    text = str(rng.choice(_HEADS[language])).format(name=name)
    kept = [kind for kind in CLAUSES[language] if rng.random() < _KEPT_RATE]
    spans = []
    for number, kind in enumerate(kept, 1):
        risk, clause = _clause(rng, language, kind)
        text += _NUMBERED[language].format(n=number, title=TITLES[language][kind])
        spans.append(Span(kind, risk, len(text), len(text) + len(clause)))
        text += clause + "\n"
    return text + _FEET[language], spans


def _clause(rng: np.random.Generator, language: str, kind: str) -> tuple[str, str]:
    risk = str(rng.choice(RISKS, p=_RISK_RATES))
    wordings = [wording for grade, wording in CLAUSES[language][kind] if grade == risk]
    slots = {
        "days": rng.choice([7, 10, 15, 30, 60]),
        "rate": rng.choice([1, 2, 3, 5, 8, 10, 20]),
        "amount": rng.choice([50, 100, 200, 500, 1000]) * 1000,
        "months": rng.choice([12, 24, 36]),
        "area": rng.choice(_AREAS[language]),
        "place": rng.choice(_PLACES[language]),
    }
    return risk, str(rng.choice(wordings)).format(**slots)
