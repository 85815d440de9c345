"""Contract: from labelled clauses to a reader of dealer contracts.

Clauses (training/corpora, in English also public ones) get headings, a classifier of types and a judge of
risk are fitted for each language, and everything is judged on styles of writing that were left out.

Evidence, one row a held-out clause: task `high_risk` (y: the clause is of high risk; `baseline_expressions`:
the share of hand-written expressions that say so; `baseline_type`: how often its type is high) and one row a
clause and type for task `type` (`baseline_cues`: share of the type's keywords). Clauses have no dates:
they are
folded by style, and `cutoff` is the moment of the fit.

Errors: training.clauses.BadCorpus, features.errors.TooFewRows, training.config.BadSettings.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from features.industries import CLAUSES, industry
from features.known import Tables
from models.contract.classifier import Classifier, dealt
from models.contract.cues import Cues
from models.contract.designs import RISK_BLOCKS, TYPE_BLOCKS, WIDE_BLOCKS
from models.contract.model import ContractModel, Reader
from models.contract.risk import RISKS, Risk
from models.contract.said import Said, said
from models.contract.wording import Wording
from training.clauses import public_clauses, read_corpus, read_data, titles
from training.config import RoomConfig
from training.fitted import Fitted
from training.progress import Tick, silent

Rate = Annotated[float, Field(ge=0, le=1)]
_HIGH = RISKS.index("high")


class Config(RoomConfig):
    """configs/contract.yaml; the values here are those of the file."""

    room: ClassVar[str] = "contract"
    industry: str = "general"
    languages: tuple[Literal["zh", "en"], ...] = Field(default=("zh", "en"), min_length=1)
    folds: Annotated[int, Field(ge=2, le=10)] = 5
    titled_rate: Rate = 0.2
    neutral_rate: Rate = 0.25
    public_clauses: Annotated[int, Field(ge=0)] = 40
    seed: int = 0


def fit(tables: Tables, moment: pd.Timestamp, config: Config, *, tick: Tick = silent) -> Fitted:
    """Readers of all languages, and how they did on styles they had not seen.

    The tables are not learned from: nobody has labelled their contracts."""
    readers: dict[str, Reader] = {}
    evidence: list[pd.DataFrame] = []
    counts: dict[str, dict[str, int]] = {}
    for language in config.languages:
        clauses = read_corpus(language)
        extra = public_clauses(config.public_clauses) if language == "en" else clauses.iloc[:0]
        evidence.append(judge(clauses, extra, language, config, tick=tick))
        readers[language] = learn(clauses, extra, language, config)
        counts[language] = {"clauses": len(clauses), "public": len(extra)}
        tick(f"{language} learned")
    model = ContractModel(Wording.parse(read_data("wording")), industry(config.industry)).fit(readers, moment)
    about = {"clauses": counts, "held_out": "styles of writing", "industry": config.industry}
    return Fitted(
        model=model,
        evidence=pd.concat(evidence, ignore_index=True).assign(cutoff=moment, territory_id="", tier=""),
        about=about,
    )


def learn(clauses: pd.DataFrame, extra: pd.DataFrame, language: str, config: Config) -> Reader:
    """One language: types from all clauses, risk from those whose risk is known."""
    every = pd.concat([clauses, extra], ignore_index=True)
    texts = titled(every, language, config)
    types = Classifier(
        TYPE_BLOCKS[language], read_data(f"cues_{language}"), folds=config.folds, wide=WIDE_BLOCKS[language]
    )
    types.fit(texts, every["type"].tolist(), groups=every["style"].tolist())
    risks = Risk(RISK_BLOCKS[language], read_data(f"risks_{language}"), folds=config.folds)
    known = clauses["style"].tolist()
    plain = [said(text) for text in clauses["text"]]
    risks.fit(plain, clauses["type"].tolist(), clauses["risk"].tolist(), groups=known)
    return Reader(types, risks)


def titled(clauses: pd.DataFrame, language: str, config: Config) -> list[Said]:
    """Clauses, some under a heading: one of their type, or one that says nothing."""
    rng = np.random.default_rng(config.seed)
    names = titles(language)
    out = []
    for text, kind in zip(clauses["text"], clauses["type"], strict=True):
        shown, neutral, pick = rng.random(3)
        choice = names["neutral" if neutral < config.neutral_rate else kind]
        title = choice[int(pick * len(choice))] if shown < config.titled_rate else ""
        out.append(said(text, title=title))
    return out


def judge(
    clauses: pd.DataFrame, extra: pd.DataFrame, language: str, config: Config, *, tick: Tick = silent
) -> pd.DataFrame:
    """Evidence: every clause read, without heading, by learners that saw no clause of its style."""
    fold = dealt(clauses["style"].tolist(), config.folds)
    parts = []
    for number in range(config.folds):
        held, seen = clauses[fold == number], clauses[fold != number]
        if len(held) and seen["type"].nunique() > 1:
            parts.append(_evidence(held, seen, learn(seen, extra, language, config), language))
        tick(f"{language} judged, fold {number + 1}")
    return pd.concat(parts, ignore_index=True)


def _evidence(held: pd.DataFrame, seen: pd.DataFrame, reader: Reader, language: str) -> pd.DataFrame:
    texts = [said(text) for text in held["text"]]
    kinds = held["type"].tolist()
    p = reader.types.probabilities(texts)
    high = reader.risks.probabilities(texts, kinds)[:, _HIGH]
    told = [_share(found, "high") for found in reader.risks.found(texts, kinds)]
    often = seen["risk"].eq("high").groupby(seen["type"]).mean()
    risk = pd.DataFrame(
        {
            "task": "high_risk",
            "subject": held["id"],
            "y": held["risk"].eq("high").astype(int),
            "probability": high,
            "baseline_expressions": told,
            "baseline_type": held["type"].map(often).fillna(often.mean()),
        }
    )
    return pd.concat([risk, _types(held, p, reader, _cue_shares(texts, language))], ignore_index=True)


def _types(
    held: pd.DataFrame, p: NDArray[np.float64], reader: Reader, cues: NDArray[np.float64]
) -> pd.DataFrame:
    """One row a clause and type."""
    labels = np.array(reader.types.labels_)
    order = [CLAUSES.index(label) for label in labels]
    return pd.DataFrame(
        {
            "task": "type",
            "subject": np.char.add(
                np.repeat(held["id"].to_numpy(dtype=str), len(labels)),
                np.tile(np.char.add(":", labels), len(held)),
            ),
            "y": (held["type"].to_numpy()[:, None] == labels).astype(int).ravel(),
            "probability": p.ravel(),
            "baseline_cues": cues[:, order].ravel(),
        }
    )


def _cue_shares(texts: Sequence[Said], language: str) -> NDArray[np.float64]:
    """Of the keywords found in a clause, the share of each type. [n, 24]"""
    cues = Cues(read_data(f"cues_{language}"))
    hits = cues.hits([text.cast for text in texts])
    counts = np.stack([hits[:, np.array(cues.labels) == kind].sum(axis=1) for kind in CLAUSES], axis=1)
    return np.asarray((counts + 0.1) / (counts + 0.1).sum(axis=1, keepdims=True))


def _share(found: dict[str, int], risk: str) -> float:
    return (found.get(risk, 0) + 0.3) / (sum(found.values()) + 1.0)
