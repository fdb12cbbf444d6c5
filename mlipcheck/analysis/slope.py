"""How strong a model's forces are beside a reference's."""

from __future__ import annotations

from dataclasses import dataclass

MIN_DEVIATION = 0.1  # of a slope from 1, to have a word
MIN_R_SQUARED = 0.5  # of forces that follow the reference's
FACTOR_R_SQUARED = 0.9  # of forces that differ by little but a factor


@dataclass(frozen=True)
class Slope:
    """How strong a model's forces are beside the reference's, over one stretch of points.

    With F the reference and f the model, weights w: ``s_lo`` = Σw f·F / Σw F² is the slope through
    the origin of Deng et al., npj Comput. Mater. 11, 9 (2025); ``s_hi`` = Σw f² / Σw f·F;
    ``r_squared`` = s_lo / s_hi; ``magnitude`` = √(Σw f² / Σw F²). All are dimensionless.
    """

    s_lo: float
    s_hi: float | None
    r_squared: float | None
    magnitude: float
    points: int

    @property
    def off(self) -> float:
        """How far s_lo, s_hi and magnitude together are from 1; 0 where the slopes enclose it.

        It is the magnitude's where R² is at least 0.9, and else that of the nearer slope: errors
        without a pattern lower s_lo and raise s_hi.
        """
        if self.s_hi is None or self.s_lo <= 0:
            return abs(self.s_lo - 1)
        if self.s_lo < 1 < self.s_hi:
            return 0.0
        if self.is_factor:
            return abs(self.magnitude - 1)
        return max(self.s_lo - 1, 1 - self.s_hi)

    @property
    def is_factor(self) -> bool:
        """Whether nearly all of the error is a factor."""
        return self._follows >= FACTOR_R_SQUARED

    @property
    def _follows(self) -> float:
        """R², or what the slopes say where medians of each disagree."""
        return min(self.r_squared or 0.0, self.s_lo / self.s_hi if self.s_hi else 0.0)

    @property
    def remark(self) -> str | None:
        """The type of error where forces are off by more than 0.1, else None."""
        if self.off > MIN_DEVIATION:
            return self.word
        farther = max(abs(s - 1) for s in (self.s_lo, self.s_hi or self.s_lo))
        return None if self.is_factor or farther <= MIN_DEVIATION else self._without_a_factor

    @property
    def word(self) -> str:
        """The type of error.

        'soft' only where s_hi < 1, 'stiff' where both are above 1, 'reversed' where forces follow
        with the other sign. Between, no factor describes them: they are 'uncorrelated' where
        R² < 1/2, as stiff ones are then too, and else 'scattered'.
        """
        if self.s_hi is None or self.s_lo <= 0:
            follows = self.s_lo < 0 and (self.r_squared or 0.0) >= MIN_R_SQUARED
            return "reversed" if follows else "uncorrelated"
        if self.s_hi < 1:
            return "soft"
        if self.s_lo >= 1 and self._without_a_factor == "scattered":
            return "stiff"
        return self._without_a_factor

    @property
    def _without_a_factor(self) -> str:
        return "scattered" if self._follows >= MIN_R_SQUARED else "uncorrelated"
