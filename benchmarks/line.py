"""One line of the table and of results.json."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, the floor it is measured against, their ratio, and what we aim at."""

    name: str
    value: float
    unit: str
    floor: float
    ratio: float
    target: float
    better: str

    @property
    def is_met(self) -> bool:
        """Whether the target is reached; a target of 0 is none, and the figure is only shown."""
        if not self.target:
            return True
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target

    def __str__(self) -> str:
        mark = "✓" if self.is_met else "✗"
        return (
            f"{mark} {self.name:58} {self.value:>10.2f} {self.unit:10}"
            f" floor {self.floor:>10.2f}  ratio {self.ratio:5.2f}"
        )
