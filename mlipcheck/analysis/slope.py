"""How strong a model's forces are beside a reference's."""

from __future__ import annotations

from dataclasses import dataclass

MIN_DEVIATION = 0.1  # of a slope from 1, to have a word
MIN_R_SQUARED = 0.5  # of forces that follow the reference's


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
    def remark(self) -> str | None:
        """The type of error where a slope is further than 0.1 from 1, else None."""
        off = max(abs(s - 1) for s in (self.s_lo, self.s_lo if self.s_hi is None else self.s_hi))
        return self.word if off > MIN_DEVIATION else None

    @property
    def word(self) -> str:
        """The type of error.

        'soft' only where s_hi < 1, 'stiff' where s_lo and s_hi are above 1 and R² is at least 1/2,
        'reversed' where forces follow the reference's with the other sign, else 'uncorrelated'.
        """
        follows = self.r_squared is not None and self.r_squared >= MIN_R_SQUARED
        if self.s_hi is None or not self.s_lo > 0:
            return "reversed" if self.s_lo < 0 and follows else "uncorrelated"
        if self.s_hi < 1:
            return "soft"
        return "stiff" if self.s_lo >= 1 and follows else "uncorrelated"
