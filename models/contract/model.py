"""ContractModel: reads dealer contracts in Chinese and English, clause by clause.

    review(text)            a whole contract: clauses, what is missing, score, notes
    classify(texts)         single clauses -> one row each
    score(tables, as_of)    the table `contracts` -> frames "clauses" and "contracts"

All three ask the same learners: one classifier of types and one judge of risk a language. A clause in
another language is told as such, type "other", with little confidence. Offsets are characters of the text
as given; `text[start:end]` is the clause.

Errors: EmptyContract, ContractTooLong, models.errors.NotFitted.
Limits: layout is not seen; a contract of more than MOST_CHARACTERS is refused. A review is a reading aid, no
legal advice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import CLAUSES, Industry
from features.known import Tables, known
from features.languages import language
from features.segments import sentences
from models.contract.classifier import Classifier
from models.contract.review import Clause, Missing, Review, overall
from models.contract.risk import RISKS, Risk
from models.contract.said import Said, said
from models.contract.topics import turns
from models.contract.units import Unit, joined, lone, parted, sentences_of, units
from models.contract.vocabulary import looks_like_contract
from models.contract.wording import Wording
from models.errors import ModelError, NotFitted

Array = NDArray[np.float64]
Span = tuple[int, int]
MOST_CHARACTERS = 200_000  # some 120 printed pages, read in seconds
_UNREAD = 0.2  # at most this is believed of a clause in a language that was not learned
_LEAST_SENTENCES = 2
_LEAST_PROBABILITY = 0.01  # of a type of a sentence, so that one sentence cannot outweigh a paragraph
_TURN_PRICE = 5.0  # chosen on training clauses put together and left whole, each style of writing left out
_EVIDENCE = 2  # sentences shown
_CLAUSE_COLUMNS = [
    *("dealer_id", "contract_id", "clause", "start", "end", "type", "type_probability", "risk"),
    *("risk_probability", "probability", "score", "language", "heading", "reasons"),
]
_CONTRACT_COLUMNS = [
    *("dealer_id", "contract_id", "score", "probability", "reasons", "language", "clauses", "high", "medium"),
    *("missing", "note"),
]


class EmptyContract(ModelError):
    def __init__(self) -> None:
        super().__init__("The contract holds no text. A scanned one has to be recognised (OCR) first.")


class ContractTooLong(ModelError):
    def __init__(self, found: int) -> None:
        super().__init__(
            f"The contract has {found:,} characters; at most {MOST_CHARACTERS:,} are read at "
            f"once. Split it by annex."
        )


@dataclass(frozen=True)
class Reader:
    """The two learners of one language."""

    types: Classifier
    risks: Risk


class ContractModel:
    """`readers` by language ("zh", "en") are fitted before; the rest is data that the caller read."""

    def __init__(self, wording: Wording, industry: Industry | None = None) -> None:
        self.wording, self.industry = wording, industry or Industry()

    def fit(self, readers: Mapping[str, Reader], cutoff: pd.Timestamp) -> Self:
        """Take fitted learners; `cutoff` is the last moment they knew of."""
        if not readers:
            raise NotFitted(self)
        self.readers_, self.cutoff_ = dict(readers), cutoff
        return self

    def review(self, text: str, *, required: Sequence[str] | None = None) -> Review:
        """One contract; `required` types default to those of the industry."""
        return next(self._reviews([text], required))

    def classify(self, texts: Sequence[str]) -> pd.DataFrame:
        """One row a clause: type, probability, risk, risk_probability, high_probability, "
        "language, types, risks."""
        found = self._judged([lone(text) for text in texts])
        rows = [
            {
                "type": kind,
                "probability": p[CLAUSES.index(kind)],
                "risk": RISKS[int(q.argmax())],
                "risk_probability": q.max(),
                "high_probability": q[2],
                "language": unit.language,
                "types": dict(zip(CLAUSES, map(float, p.round(6)), strict=True)),
                "risks": dict(zip(RISKS, map(float, q.round(6)), strict=True)),
            }
            for unit, kind, p, q in zip(*found, strict=True)
        ]
        return pd.DataFrame(rows)

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every contract known at `as_of`, one row a contract and one a clause."""
        contracts = known(tables, as_of).get("contracts")
        if contracts is None or contracts.empty:
            return {
                "clauses": pd.DataFrame(columns=_CLAUSE_COLUMNS),
                "contracts": pd.DataFrame(columns=_CONTRACT_COLUMNS),
            }
        rows = contracts.sort_values(["dealer_id", "contract_id"], kind="stable")
        texts = [str(text) if isinstance(text, str) else "" for text in rows["text"]]
        fit = [bool(text.strip()) and len(text) <= MOST_CHARACTERS for text in texts]
        read = self._reviews([text for text, good in zip(texts, fit, strict=True) if good], None)
        reviews = [next(read) if good else None for good in fit]
        ids = list(zip(rows["dealer_id"].astype(str), rows["contract_id"].astype(str), strict=True))
        clauses = [
            _clause_row(key, number, clause)
            for key, review in zip(ids, reviews, strict=True)
            for number, clause in enumerate(review.clauses if review else [], 1)
        ]
        whole = [_contract_row(key, review) for key, review in zip(ids, reviews, strict=True)]
        return {
            "clauses": pd.DataFrame(clauses, columns=_CLAUSE_COLUMNS),
            "contracts": pd.DataFrame(whole, columns=_CONTRACT_COLUMNS),
        }

    def _reviews(self, texts: Sequence[str], required: Sequence[str] | None) -> Iterator[Review]:
        """All contracts with few calls of the learners."""
        for text in texts:
            _check(text)
        cut = [self._parted(text, units(text)) for text in texts]
        first = self._judged([unit for found in cut for unit in found])
        kinds = iter(first[1])
        whole = [joined(t, found, [next(kinds) for _ in found]) for t, found in zip(texts, cut, strict=True)]
        types, p, q = self._again([unit for found in whole for unit in found], first)
        at = 0
        for text, found in zip(texts, whole, strict=True):
            part = slice(at, at + len(found))
            at += len(found)
            yield self._review(text, found, (types[part], p[part], q[part]), required)

    def _review(
        self,
        text: str,
        found: Sequence[Unit],
        judged: tuple[list[str], Array, Array],
        required: Sequence[str] | None,
    ) -> Review:
        beside = zip(self._spoke(found, judged[0]), self._evidence(text, found, judged[0]), strict=True)
        clauses = [
            self._clause(unit, (kind, p, q), told)
            for unit, kind, p, q, told in zip(found, *judged, beside, strict=True)
        ]
        asked = self.industry.contract.required_types if required is None else required
        there = {clause.type for clause in clauses}
        lang = language(text)
        missing = [Missing(type=k, suggestion=self.wording.suggest(k, lang)) for k in asked if k not in there]
        score, probability = overall(clauses, [m.type for m in missing])
        return Review(
            clauses=clauses,
            missing=missing,
            score=score,
            probability=probability,
            language=lang,
            notes=_notes(text, clauses, lang),
        )

    def _parted(self, text: str, found: Sequence[Unit]) -> list[Unit]:
        """Paragraphs without number and heading, cut where they turn to another type."""
        out: list[Unit] = []
        for unit in found:
            spans = sentences_of(text, unit)
            name = self._reads(unit)
            if len(spans) < _LEAST_SENTENCES or not name:
                out.append(unit)
                continue
            p = _spread(self.readers_[name].types, [said(text[a:b]) for a, b in spans])
            starts = turns(np.log(np.maximum(p, _LEAST_PROBABILITY)), price=_TURN_PRICE)
            out += parted(text, unit, spans, starts) if len(starts) > 1 else [unit]
        return out

    def _judged(self, found: Sequence[Unit]) -> tuple[list[Unit], list[str], Array, Array]:
        """Units, their types, and probabilities of types [n, 24] and risks [n, 3]."""
        if not hasattr(self, "readers_"):
            raise NotFitted(self)
        p = np.zeros((len(found), len(CLAUSES)))
        q = np.tile([0.4, 0.35, 0.25], (len(found), 1))
        for name, reader in self.readers_.items():
            rows = [i for i, unit in enumerate(found) if self._reads(unit) == name and unit.kind == "clause"]
            if rows:
                words = [found[i].said for i in rows]
                p[rows] = _spread(reader.types, words)
                kinds = [CLAUSES[k] for k in p[rows].argmax(axis=1)]
                q[rows] = reader.risks.probabilities(words, kinds)
        _form_blocks(found, p, q)
        return list(found), [CLAUSES[k] for k in p.argmax(axis=1)], p, q

    def _again(
        self, found: Sequence[Unit], first: tuple[list[Unit], list[str], Array, Array]
    ) -> tuple[list[str], Array, Array]:
        """What was judged before, and a judgement of the units that are new."""
        place = {id(unit): i for i, unit in enumerate(first[0])}
        before = [place.get(id(unit), -1) for unit in found]
        p, q = first[2][before], first[3][before]
        new = [i for i, at in enumerate(before) if at < 0]
        if new:
            _, _, p[new], q[new] = self._judged([found[i] for i in new])
        return [CLAUSES[k] for k in p.argmax(axis=1)], p, q

    def _reads(self, unit: Unit) -> str:
        """Which reader a unit goes to; "" when its language was not learned."""
        name = "zh" if unit.language == "mixed" else unit.language
        return name if name in self.readers_ else ""

    def _spoke(self, found: Sequence[Unit], types: Sequence[str]) -> list[dict[str, int]]:
        """How many expressions of each risk were found in each unit."""
        out: list[dict[str, int]] = [{} for _ in found]
        for name, reader in self.readers_.items():
            rows = [i for i, unit in enumerate(found) if self._reads(unit) == name]
            hits = reader.risks.found([found[i].said for i in rows], [types[i] for i in rows])
            for i, hit in zip(rows, hits, strict=True):
                out[i] = hit
        return out

    def _clause(
        self, unit: Unit, judged: tuple[str, Array, Array], beside: tuple[Mapping[str, int], list[Span]]
    ) -> Clause:
        (kind, p, q), (spoke, evidence) = judged, beside
        risk = RISKS[int(q.argmax())]
        return Clause(
            start=unit.start,
            end=unit.end,
            type=kind,
            probability=round(float(p.max()), 6),
            risk=risk,
            risks=dict(zip(RISKS, map(float, q.round(6)), strict=True)),
            language=unit.language,
            heading=unit.heading,
            evidence=evidence,
            reasons=self._reasons(kind, risk, q, spoke),
            suggestion="" if risk == "low" else self.wording.suggest(kind, unit.language),
        )

    def _evidence(self, text: str, found: Sequence[Unit], types: Sequence[str]) -> list[list[Span]]:
        """The sentences of each unit that speak most for its type, in the order of the text."""
        spans = [sentences(text, unit.start, unit.end) or [(unit.start, unit.end)] for unit in found]
        out = [listed[:_EVIDENCE] for listed in spans]
        for name, reader in self.readers_.items():
            rows = [i for i, u in enumerate(found) if len(spans[i]) > _EVIDENCE and self._reads(u) == name]
            words = [said(text[a:b]) for i in rows for a, b in spans[i]]
            margins = reader.types.margins(words) if words else np.zeros((0, 0))
            at = 0
            for i in rows:
                part = margins[at : at + len(spans[i]), reader.types.labels_.index(types[i])]
                at += len(spans[i])
                out[i] = [spans[i][j] for j in sorted(np.argsort(-part, kind="stable")[:_EVIDENCE])]
        return out

    def _reasons(self, kind: str, risk: str, q: Array, spoke: Mapping[str, int]) -> list[dict[str, Any]]:
        """Why this risk: the convention of the type, and how many expressions spoke for each level."""
        p = float(np.clip(q[2], 1e-6, 1 - 1e-6))
        effect = round(float(np.log(p / (1 - p)) - np.log(0.3 / 0.7)), 4)
        text = self.wording.why[kind].get(risk, "Protects the brand, or is neutral and complete.")
        reasons = [{"code": f"{kind}_{risk}".upper(), "text": text, "effect": effect}]
        if count := spoke.get(risk, 0):
            told = f"{count} expressions that usually make such a clause {risk} were found."
            reasons.append({"code": f"WORDING_{risk}".upper(), "text": told, "effect": round(effect / 2, 4)})
        return reasons


def _check(text: str) -> None:
    if not text.strip():
        raise EmptyContract
    if len(text) > MOST_CHARACTERS:
        raise ContractTooLong(len(text))


def _spread(classifier: Classifier, words: Sequence[Said]) -> Array:
    """Probabilities in the order of all types; types that were never learned get none."""
    p = np.zeros((len(words), len(CLAUSES)))
    p[:, [CLAUSES.index(label) for label in classifier.labels_]] = classifier.probabilities(words)
    return p


def _form_blocks(found: Sequence[Unit], p: Array, q: Array) -> None:
    """What form alone decides: parties and signatures; and what cannot be read."""
    other = CLAUSES.index("other")
    for i, unit in enumerate(found):
        if unit.kind != "clause":
            p[i], q[i] = np.eye(len(CLAUSES))[other], (0.98, 0.015, 0.005)
        elif not p[i].any():
            p[i] = (1 - _UNREAD) / (len(CLAUSES) - 1)
            p[i, other] = _UNREAD


def _notes(text: str, clauses: Sequence[Clause], lang: str) -> list[str]:
    notes = []
    if not looks_like_contract(text):
        notes.append("This does not read like a contract.")
    if lang == "mixed":
        notes.append("Chinese and English are mixed; each clause is read in its own language.")
    if unread := sum(clause.language == "other" for clause in clauses):
        notes.append(f"{unread} clauses are in a language that is not read, or have no words.")
    if not any(clause.type != "other" for clause in clauses):
        notes.append("No clause of a known type was found.")
    return notes


def _clause_row(key: tuple[str, str], number: int, clause: Clause) -> dict[str, Any]:
    return {
        "dealer_id": key[0],
        "contract_id": key[1],
        "clause": number,
        "start": clause.start,
        "end": clause.end,
        "type": clause.type,
        "type_probability": clause.probability,
        "risk": clause.risk,
        "risk_probability": max(clause.risks.values()),
        "probability": clause.high_probability,
        "score": round(100 * (1 - clause.high_probability), 1),
        "language": clause.language,
        "heading": clause.heading,
        "reasons": clause.reasons,
    }


def _contract_row(key: tuple[str, str], review: Review | None) -> dict[str, Any]:
    if review is None:
        note = "empty, or too long to be read"
        return {"dealer_id": key[0], "contract_id": key[1], "reasons": [], "missing": [], "note": note}
    worst = sorted(review.clauses, key=lambda clause: -clause.high_probability)[:4]
    return {
        "dealer_id": key[0],
        "contract_id": key[1],
        "score": review.score,
        "probability": review.probability,
        "reasons": [clause.reasons[0] for clause in worst if clause.risk != "low"],
        "language": review.language,
        "clauses": len(review.clauses),
        "high": sum(clause.risk == "high" for clause in review.clauses),
        "medium": sum(clause.risk == "medium" for clause in review.clauses),
        "missing": [m.type for m in review.missing],
        "note": "; ".join(review.notes),
    }
