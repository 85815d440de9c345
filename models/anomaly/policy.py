"""Policy: what may be done about an alert, by type and level, in Chinese and English.

The content of configs/policies/disposal.yaml: `actions` (a text in both languages each) and
`disposals` (type -> level -> actions). Every type and level names at least one action.

Errors: PolicyError, all faults at once.

>>> texts = {"verify": {"zh": "核实", "en": "Verify"}}
>>> every = {type_: {level: ["verify"] for level in LEVELS} for type_ in TYPES}
>>> Policy.parse({"actions": texts, "disposals": every}).suggestions("price", "watch")
[{'action': 'verify', 'zh': '核实', 'en': 'Verify'}]
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from features.errors import hint
from models.anomaly.rules import LEVELS, TYPES
from models.errors import ModelError

ACTIONS = ("verify", "contact", "freeze_rebate", "cut_credit", "audit")
Suggestion = dict[str, str]  # action, zh, en


class PolicyError(ModelError):
    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("Disposal policy:" + "".join(f"\n  {fault}" for fault in faults))


@dataclass(frozen=True)
class Policy:
    """Texts of actions, and which of them belong to a type and level."""

    texts: Mapping[str, Mapping[str, str]]
    disposals: Mapping[str, Mapping[str, tuple[str, ...]]]

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """The policy in a mapping, as its YAML file holds it."""
        texts, disposals = content.get("actions") or {}, content.get("disposals") or {}
        if faults := [*_strange(content, texts, disposals), *_untold(texts, disposals)]:
            raise PolicyError(faults)
        named = {t: {level: tuple(disposals[t][level]) for level in LEVELS} for t in TYPES}
        return cls({a: dict(text) for a, text in texts.items()}, named)

    def suggestions(self, type_: str, level: str) -> list[Suggestion]:
        """What to do about an alert, the first thing first."""
        return [{"action": a, **self.texts[a]} for a in self.disposals[type_][level]]


def _strange(
    content: Mapping[str, Any], texts: Mapping[str, Any], disposals: Mapping[str, Any]
) -> Iterator[str]:
    for where, names, known in (
        ("", content, ("actions", "disposals")),
        ("actions.", texts, ACTIONS),
        ("disposals.", disposals, TYPES),
    ):
        for name in names:
            if name not in known:
                yield f"{where}{name}: expected one of {', '.join(known)}.{hint(str(name), known)}"


def _untold(texts: Mapping[str, Any], disposals: Mapping[str, Any]) -> Iterator[str]:
    for action, text in texts.items():
        if set(text) != {"zh", "en"}:
            yield f"actions.{action}: a text in zh and one in en"
    for type_ in TYPES:
        for level in LEVELS:
            chosen = (disposals.get(type_) or {}).get(level) or []
            if not chosen:
                yield f"disposals.{type_}.{level}: no action; name at least one of {', '.join(texts)}"
            for action in chosen:
                if action not in texts:
                    where = f"disposals.{type_}.{level}"
                    yield f"{where}: {action} has no text under actions.{hint(action, texts)}"
