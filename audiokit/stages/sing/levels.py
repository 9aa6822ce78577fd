"""A sung vocal, its level against the backing, and sounds brought to one voice at one rate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import soxr

from audiokit.dsp.loudness.limiter import Limiter
from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.voice.plan import Plan
from audiokit.dsp.voice.vocal_mel import level_gain
from audiokit.dsp.voice.world import MAX_RATE, MIN_RATE
from audiokit.errors import InputError
from audiokit.stages.sing.settings import Singing

#: The published app's mix: 0.7 of the vocal and 0.5 of the backing.
REFERENCE_GAINS = (0.7, 0.5)


@dataclass
class Sung:
    """A vocal and how it came about.

    Attributes:
        vocal: audio (1, T), float32, at the backing's rate and of its length (longer with fit "loop").
        rate: of the vocal and the mix.
        backing: the backing (C, T) as long as the vocal.
        plan: what was sung; None for the engine "gan".
        warnings: what the user should know.
        mix_gain: factor on backing plus vocal that the published gains ask for, otherwise 1.
    """

    vocal: np.ndarray
    rate: int
    backing: np.ndarray
    plan: Plan | None
    warnings: list[str] = field(default_factory=list)
    mix_gain: float = 1.0

    def mix(self) -> np.ndarray:
        """Vocal and backing together (C, T), turned down as a whole if the sum exceeds full scale."""
        together = (self.backing + self.vocal) * np.float32(self.mix_gain)
        peak = float(np.abs(together).max(initial=0.0))
        return together * np.float32(0.99 / peak) if peak > 0.99 else together  # type: ignore[no-any-return]


def one_voice(y: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Fold to mono (T,) and bring to a rate that WORLD accepts; the level is evened so that thresholds hold."""
    mono = np.atleast_2d(y).mean(axis=0, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise InputError("the speech holds NaN or infinity")
    target = min(max(rate, MIN_RATE), MAX_RATE)
    if rate > MAX_RATE:
        target = 44_100 if rate % 44_100 == 0 else MAX_RATE
    mono = resample(mono[None], rate, target, None)[0]
    peak = float(np.abs(mono).max(initial=0.0))
    if peak < 1e-5 or len(mono) < target // 5:
        raise InputError("no voiced speech found", hint="the recording is silent or shorter than a fifth of a second")
    return (mono * np.float32(0.5 / peak)).astype(np.float32), target


def resample(y: np.ndarray, rate: int, target: int, length: int | None) -> np.ndarray:
    """Bring audio (C, T) to another rate, and to a length if one is given."""
    if rate != target:
        y = np.ascontiguousarray(soxr.resample(y.T, rate, target, quality="HQ").T.astype(np.float32))
    if length is None:
        return y
    return np.ascontiguousarray(np.pad(y[:, :length], ((0, 0), (0, max(0, length - y.shape[1])))))


def balance(sung: Sung, how: Singing) -> Sung:
    """Set the vocal's loudness against the backing where it sings."""
    vocal, mix_gain = sung.vocal, 1.0
    if how.balance_lu is None:
        peak = float(np.abs(vocal).max(initial=0.0))
        gain = REFERENCE_GAINS[0] / REFERENCE_GAINS[1] / max(peak, 1e-9) if peak > 1 else 1.4
        if how.engine == "world" and 0 < peak <= 1:
            gain = 1.4 / peak  # the published vocals came out near full scale
        mix_gain = REFERENCE_GAINS[1]
    else:
        active = _active(vocal[0], sung.rate)
        wanted = _loudness(sung.backing[:, active], sung.rate)
        own = _loudness(vocal[:, active], sung.rate, dual_mono=sung.backing.shape[0] > 1)
        heard = wanted is not None and own is not None
        gain = 10 ** ((wanted + how.balance_lu - own) / 20) if heard else level_gain(vocal[0])  # type: ignore[operator]
    vocal = vocal * np.float32(gain)
    warnings = sung.warnings
    if how.balance_lu is not None and float(np.abs(vocal).max(initial=0.0)) > 0.89:
        limiter = Limiter(sung.rate, 1, ceiling_dbtp=-1.0)
        vocal = np.concatenate([limiter.process(vocal), limiter.flush()], axis=1)
        if limiter.reduction_db >= 3:
            said = f"the vocal's peaks were limited by up to {limiter.reduction_db:.1f} dB to stand up to the backing"
            warnings = [*warnings, said + " (a lower --balance needs less)"]
    return replace(sung, vocal=vocal, mix_gain=mix_gain, warnings=warnings)


def _active(y: np.ndarray, rate: int) -> np.ndarray:
    """Samples in or near sound."""
    size = max(1, rate // 10)
    blocks = np.abs(y[: len(y) // size * size]).reshape(-1, size).max(axis=1)
    loud = np.repeat(blocks > 0.01 * blocks.max(initial=0.0), size)
    mask = np.zeros(len(y), bool)
    mask[: len(loud)] = loud
    return mask


def _loudness(y: np.ndarray, rate: int, *, dual_mono: bool = False) -> float | None:
    """Loudness in LUFS, None for silence or less than half a second."""
    if y.shape[1] < rate // 2:
        return None
    value = measure(y, rate, dual_mono=dual_mono).integrated_lufs
    return value if np.isfinite(value) else None
