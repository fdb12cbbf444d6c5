"""How strong a model's forces are beside a reference's."""

from __future__ import annotations

from dataclasses import dataclass

WORTH_A_WORD = 0.1
FOLLOWS = 0.5


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
        """The word, where a slope is further than 0.1 from 1; else there is nothing to call."""
        off = max(abs(s - 1) for s in (self.s_lo, self.s_lo if self.s_hi is None else self.s_hi))
        return self.word if off > WORTH_A_WORD else None

    @property
    def word(self) -> str:
        """What the errors are called.

        'soft' only where s_hi < 1, 'uncorrelated' where s_lo < 1 < s_hi, 'stiff' where both are
        above 1. Stiff forces still follow the reference's: with R² < 1/2 they are uncorrelated
        too. 'reversed' are forces that follow it with the other sign.
        """
        follows = self.r_squared is not None and self.r_squared >= FOLLOWS
        if self.s_hi is None or not self.s_lo > 0:
            return "reversed" if self.s_lo < 0 and follows else "uncorrelated"
        if self.s_hi < 1:
            return "soft"
        return "stiff" if self.s_lo >= 1 and follows else "uncorrelated"
