"""Verdict: what the gate found about one version, in words and numbers."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a challenger is better and covers, and why, in sentences."""

    better: bool
    covers: bool
    reasons: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def passes(self) -> bool:
        """Good enough to answer."""
        return self.better and self.covers
