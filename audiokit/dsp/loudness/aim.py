"""What to reach, and what will be done to a recording to reach it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from audiokit.dsp.loudness.loudness import Loudness
from audiokit.errors import ParameterError

MODES = ("loudness", "peak", "rms", "match")


@dataclass(frozen=True)
class Aim:
    """What to reach.

    Attributes:
        mode: what `to` counts in: "loudness" (LUFS), "peak" (dBTP), "rms" (dBFS) or "match" (the reference's LUFS).
        to: the level; None for the mode's usual one.
        peak_dbtp: highest true peak allowed.
        limit: let a limiter hold the peaks; otherwise the gain is kept small enough.
        lower_only: never turn anything up.
        range_lu: bring the loudness range (LRA) down to this.
        per_frame: follow the reference's loudness (or `to`) along time instead of using one gain.
        match_spectrum: take over the reference's tonal balance too.
        gain_db: use this gain instead of finding one (an album's).
        dual_mono: a single channel counts as heard from two loudspeakers.

    Raises:
        ParameterError: a value makes no sense.
    """

    mode: str = "loudness"
    to: float | None = None
    peak_dbtp: float = -1.0
    limit: bool = True
    lower_only: bool = False
    range_lu: float | None = None
    per_frame: bool = False
    match_spectrum: bool = False
    gain_db: float | None = None
    dual_mono: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ParameterError(f"mode {self.mode!r}: must be one of {', '.join(MODES)}")
        if self.to is not None and not -100 <= self.to <= 0:
            raise ParameterError(f"level {self.to}: must lie between -100 and 0")
        if not -60 <= self.peak_dbtp <= 0:
            raise ParameterError(f"peak {self.peak_dbtp} dBTP: must lie between -60 and 0")
        if self.range_lu is not None and not self.range_lu >= 0.5:
            raise ParameterError(f"loudness range {self.range_lu} LU: must be at least 0.5")
        if self.mode in ("peak", "rms") and (self.per_frame or self.range_lu is not None):
            raise ParameterError(f"mode {self.mode} knows no loudness along time", hint="use mode loudness or match")

    @property
    def moves(self) -> bool:
        """Whether the gain follows the levels along time."""
        return self.per_frame or self.range_lu is not None


#: Samples (of all channels) up to which a result is kept in memory, rather than made once more: 4 MB.
_KEPT_SAMPLES = 1 << 20


class Kept:
    """Blocks (C, n) that pass by, kept where they are few.

    Attributes:
        blocks: all of them; None where they are many.

    >>> kept = Kept()
    >>> sum(block.shape[1] for block in kept.passing([np.zeros((1, 3), np.float32)])), len(kept.blocks)
    (3, 1)
    """

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] | None = []

    def passing(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The blocks, as they are."""
        room = _KEPT_SAMPLES
        for block in blocks:
            room -= block.size
            if room < 0:
                self.blocks = None
            if self.blocks is not None:
                self.blocks.append(block)
            yield block


@dataclass
class Plan:
    """What will be done to a recording, and what it does.

    Attributes:
        gain_db: the one gain.
        curve_db: gain every 100 ms on top of it, or None.
        taps: filter before both, or None.
        ceiling_dbtp: of the limiter, or None where no peak needs one.
        before, after: meter readings.
        reduction_db, limited_s: the limiter's largest gain reduction, and for how long it took away over 0.1 dB.
        warnings: what did not work out as asked.
        made: the result itself, where it is short.
    """

    gain_db: float = 0.0
    curve_db: np.ndarray | None = None
    taps: np.ndarray | None = None
    ceiling_dbtp: float | None = None
    before: Loudness | None = None
    after: Loudness | None = None
    reduction_db: float = 0.0
    limited_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    made: list[np.ndarray] | None = field(default=None, repr=False)
