"""A share with its interval, for reports and cards that must not say more than their counts do."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z95 = 1.959964  # the normal distribution's two-sided 95 % point


@dataclass(frozen=True, slots=True)
class Share:
    """A count out of a total. The interval is Wilson's (1927) at 95 %: it holds for small totals and extreme shares."""

    part: int
    total: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.part / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """The ends, 0 to 1; of nothing the whole range."""
        if not self.total:
            return 0.0, 1.0
        share, squared = self.part / self.total, Z95**2
        middle = share + squared / (2 * self.total)
        spread = Z95 * sqrt(share * (1 - share) / self.total + squared / (4 * self.total**2))
        scale = 1 + squared / self.total
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        low, high = self.interval
        return f"{self.value:.1%} [{low:.1%}, {high:.1%}]"
