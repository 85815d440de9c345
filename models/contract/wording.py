"""Wording: what the reader is told of a clause type: its name, a better text, and why it is a risk.

In:   the content of configs/contract/wording.yaml, read by whoever calls.
Errors: BadWording (types that are missing or unknown, all at once).

>>> Wording.parse({}).suggest("price_control", "zh")
Traceback (most recent call last):
    ...
models.contract.wording.BadWording: Wording of clause types: missing ['assignment', ...
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from features.industries import CLAUSES
from models.errors import ModelError


class BadWording(ModelError):
    def __init__(self, missing: set[str], unknown: set[str]) -> None:
        super().__init__(
            f"Wording of clause types: missing {sorted(missing)}, unknown {sorted(unknown)}. Each "
            f"type needs name, "
            "suggest (zh and en), medium and high in configs/contract/wording.yaml."
        )


@dataclass(frozen=True)
class Wording:
    """By clause type: `names` and `suggestions` by language, `why` by risk."""

    names: Mapping[str, Mapping[str, str]]
    suggestions: Mapping[str, Mapping[str, str]]
    why: Mapping[str, Mapping[str, str]]

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> Self:
        """From the parsed YAML; every type of the room has to be there."""
        whole = {kind for kind, given in found.items() if {"name", "suggest", "medium", "high"} <= set(given)}
        if whole != set(CLAUSES):
            raise BadWording(set(CLAUSES) - whole, set(found) - set(CLAUSES))
        return cls(
            {kind: dict(given["name"]) for kind, given in found.items()},
            {kind: {k: str(v).strip() for k, v in given["suggest"].items()} for kind, given in found.items()},
            {
                kind: {"medium": str(given["medium"]), "high": str(given["high"])}
                for kind, given in found.items()
            },
        )

    def suggest(self, kind: str, language: str) -> str:
        """A wording that protects the brand, in the language of the clause (Chinese unless it is English)."""
        return self.suggestions[kind]["en" if language == "en" else "zh"]
