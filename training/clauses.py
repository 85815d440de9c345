"""Clauses: labelled clauses to learn from, and what lawyers wrote down for the contract room.

`read_corpus` reads training/corpora/contract_<language>*.jsonl, one {"id", "type", "risk", "style",
"text"} a line.
`public_clauses` maps the expert spans of CUAD (510 contracts) to the room's types, when their folder is
there.
`read_data` reads the YAML files of configs/contract.

Source: Hendrycks et al. (2021), CUAD: an expert-annotated NLP dataset for legal contract review.
Errors: BadCorpus (every wrong line by file and number, never its text), features.errors.TooFewRows.

>>> read_corpus("zh", CORPORA).columns.tolist()
['id', 'type', 'risk', 'style', 'text']
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from features.errors import ChannelError, TooFewRows
from features.industries import CLAUSES

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT / "training" / "corpora"
DATA = ROOT / "configs" / "contract"
RISKS = ("low", "medium", "high")
_COLUMNS = ["id", "type", "risk", "style", "text"]
_SHOWN = 5  # wrong lines told
_SPANS = Path("cuad_channel_contracts") / "cuad_clauses_all510.parquet"
_PUBLIC_TYPES = {
    "Exclusivity": "territory_exclusivity",
    "Rofr/Rofo/Rofn": "territory_exclusivity",
    "Minimum Commitment": "minimum_purchase",
    "Most Favored Nation": "price_control",
    "Price Restrictions": "price_control",
    "Cap on Liability": "liability_cap",
    "Uncapped Liability": "liability_cap",
    "Liquidated Damages": "liquidated_damages",
    "Termination for Convenience": "termination_convenience",
    "Renewal Term": "auto_renewal",
    "Notice Period to Terminate Renewal": "auto_renewal",
    "Expiration Date": "auto_renewal",
    "Anti-Assignment": "assignment",
    "Change of Control": "assignment",
    "Governing Law": "dispute_law",
    "Audit Rights": "audit_rights",
    "Non-Compete": "non_compete",
    "No-Solicit of Employees": "non_compete",
    "No-Solicit of Customers": "non_compete",
    "Warranty Duration": "quality_warranty",
    "IP Ownership Assignment": "ip_brand",
    "License Grant": "ip_brand",
    "Insurance": "other",
    "Third Party Beneficiary": "other",
    "Parties": "other",
}
_LEAST_CHARACTERS = 40  # of a public span that is a clause


class BadCorpus(ChannelError):
    def __init__(self, faults: list[str]) -> None:
        listed = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        super().__init__(f"Clauses to learn from: {len(faults)} wrong lines; first:{listed}")


def read_corpus(language: str, folder: Path = CORPORA) -> pd.DataFrame:
    """All clauses of a language, in the order of files and lines; the same text twice counts once."""
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    for path in sorted(folder.glob(f"contract_{language}*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                row, why = _row(line)
                rows += [row] if row else []
                faults += [f"{path.name}:{number}: {why}"] if why else []
    if faults:
        raise BadCorpus(faults)
    frame = pd.DataFrame(rows, columns=_COLUMNS).drop_duplicates("text").reset_index(drop=True)
    if len(frame) < len(CLAUSES):
        raise TooFewRows(f"Learning to read {language} contracts", len(CLAUSES), len(frame))
    return frame


def public_clauses(most: int) -> pd.DataFrame:
    """At most `most` public English clauses a type, of the training contracts; empty without the folder."""
    path = public_folder() / _SPANS
    if not path.is_file() or most == 0:
        return pd.DataFrame(columns=_COLUMNS)
    spans = pd.read_parquet(path)
    spans = spans[spans["category"].isin(_PUBLIC_TYPES) & spans["split"].eq("train")]
    spans = spans[spans["text"].str.len() >= _LEAST_CHARACTERS].drop_duplicates("text", keep=False)
    order = spans["text"].map(lambda text: hashlib.sha256(text.encode()).hexdigest())
    spans = spans.assign(type=spans["category"].map(_PUBLIC_TYPES), order=order).sort_values("order")
    spans = spans.groupby("type", sort=True).head(most).reset_index(drop=True)
    ids = [f"public-{i:04}" for i in range(len(spans))]
    return pd.DataFrame(
        {"id": ids, "type": spans["type"], "risk": "", "style": "public", "text": spans["text"]}
    )


def public_folder() -> Path:
    """Where public data lies: QUDAO_DATA, or a sibling of the project."""
    return Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))


def read_data(name: str, folder: Path = DATA) -> Any:
    """The content of configs/contract/<name>.yaml."""
    try:
        return yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ChannelError(f"{folder.name}/{name}.yaml cannot be read ({type(error).__name__}).") from None


def titles(language: str) -> dict[str, list[str]]:
    """Headings by type, and `neutral` ones."""
    found: dict[str, list[str]] = read_data("titles")[language]
    return found


def _row(line: str) -> tuple[dict[str, Any] | None, str]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None, "not JSON"
    return (row, "") if not (why := next(_faults(row), "")) else (None, why)


def _faults(row: Any) -> Iterator[str]:
    if not isinstance(row, dict) or not set(_COLUMNS) <= set(row):
        yield f"expected an object with {', '.join(_COLUMNS)}"
        return
    if row["type"] not in CLAUSES:
        yield "no clause type of ours"
    if row["risk"] not in RISKS:
        yield f"risk is one of {', '.join(RISKS)}"
    if not isinstance(row["text"], str) or not row["text"].strip():
        yield "no text"
