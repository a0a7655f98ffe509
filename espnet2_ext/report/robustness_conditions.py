"""What is done to the source in each row of the robustness study."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

CLEAN = "clean"
REPLACED = "replaced"
DROPPED = "dropped"
WHITE = "white"
BABBLE = "babble"
REVERBERATION = "reverberation"
UNIT_KINDS = (REPLACED, DROPPED)
NOISES = (WHITE, BABBLE)
AUDIO_KINDS = (*NOISES, REVERBERATION)


@dataclass(frozen=True)
class Condition:
    """One way and amount of damage.

    Attributes:
        kind: ``clean replaced dropped white babble reverberation``.
        amount: share of units, SNR in dB or RT60 in seconds; 0 for clean.
    """

    kind: str
    amount: float = 0.0

    def __post_init__(self) -> None:
        """Raises: ValueError for a kind that is none of these, or an impossible amount."""
        if self.kind not in (CLEAN, *UNIT_KINDS, *AUDIO_KINDS):
            raise ValueError(f"condition {self.kind!r}: expected one of {', '.join(_ROWS)}")
        if self.kind in UNIT_KINDS and not 0.0 <= self.amount < 1.0:
            raise ValueError(f"a share of {self.kind} units must lie in [0, 1): {self.amount}")
        if self.kind in NOISES and not math.isfinite(self.amount):
            raise ValueError(f"the SNR of {self.kind} noise must be finite: {self.amount}")
        if self.kind == REVERBERATION and not 0.0 < self.amount < math.inf:
            raise ValueError(f"RT60 must lie above 0 s and be finite: {self.amount}")

    @property
    def row(self) -> str:
        """Return its name in the table."""
        is_share = self.kind in UNIT_KINDS
        return _ROWS[self.kind].format(100.0 * self.amount if is_share else self.amount)

    @property
    def folder(self) -> str:
        """Return the name of its folder."""
        return self.kind if self.kind == CLEAN else f"{self.kind}_{self.amount:g}"


_ROWS = {
    CLEAN: "clean source",
    REPLACED: "{:g} % of units replaced",
    DROPPED: "{:g} % of units dropped",
    WHITE: "white noise, SNR {:g} dB",
    BABBLE: "babble, SNR {:g} dB",
    REVERBERATION: "reverberation, RT60 {:g} s",
}


def study_conditions(
    shares: Iterable[float],
    snrs_db: Iterable[float],
    rt60s_s: Iterable[float],
    noises: Iterable[str] = NOISES,
) -> list[Condition]:
    """Return every condition once, the clean source first; a share of 0 is that one.

    Args:
        shares: of units replaced, and likewise dropped.
        snrs_db: of every noise.
        rt60s_s: reverberation times in seconds.
        noises: ``white``, ``babble`` or both.

    Raises:
        ValueError: see ``Condition``; or a noise is neither.
    """
    shares, snrs_db = list(shares), list(snrs_db)
    conditions = [Condition(CLEAN)]
    for kind in UNIT_KINDS:
        damaged = [Condition(kind, share) for share in shares]
        conditions += [condition for condition in damaged if condition.amount > 0.0]
    for noise in noises:
        if noise not in NOISES:
            raise ValueError(f"noise {noise!r}: expected one of {', '.join(NOISES)}")
        conditions += [Condition(noise, snr_db) for snr_db in snrs_db]
    conditions += [Condition(REVERBERATION, rt60_s) for rt60_s in rt60s_s]
    return list(dict.fromkeys(conditions))
