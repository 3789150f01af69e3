"""Counts what came through the phone systems' door, for whoever shows it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """Deliveries since the process began, by kind of phone system: taken, of no use to us, and refused by reason."""

    taken: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
