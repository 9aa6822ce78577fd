"""A sung vocal, its level against the backing, and sounds brought to one voice at one rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from audiokit.dsp.loudness.limiter import Limiter
from audiokit.dsp.loudness.loudness import Meter
from audiokit.dsp.spectrum.samples import Line, Samples, Wave, blocks_of, peak_of
from audiokit.dsp.voice.plan import Plan
from audiokit.dsp.voice.vocal_mel import level_gain
from audiokit.dsp.voice.world import MAX_RATE, MIN_RATE
from audiokit.engine.spool import at_hand
from audiokit.errors import InputError
from audiokit.io.reader import resampled
from audiokit.stages.sing.settings import Singing

#: The published app's mix: 0.7 of the vocal and 0.5 of the backing.
REFERENCE_GAINS = (0.7, 0.5)


@dataclass
class Sung:
    """A vocal and how it came about; what is long lies in temporary files, and is taken in parts.

    Attributes:
        vocal: audio (1, T), float32, at the backing's rate and of its length (longer with fit "loop").
        rate: of the vocal and the mix.
        backing: the backing (C, T) as long as the vocal.
        plan: what was sung; None for the engine "gan".
        warnings: what the user should know.
        mix_gain: factor on backing plus vocal that the published gains ask for, otherwise 1.
    """

    vocal: Samples
    rate: int
    backing: Samples
    plan: Plan | None
    warnings: list[str] = field(default_factory=list)
    mix_gain: float = 1.0

    def mix(self) -> np.ndarray:
        """Vocal and backing together (C, T), turned down as a whole if the sum exceeds full scale."""
        return np.concatenate(list(self.mixed()), axis=1)

    def mixed(self) -> Iterator[np.ndarray]:
        """The same in blocks (C, n)."""
        peak = max((float(np.abs(block).max(initial=0.0)) for block in self._together()), default=0.0)
        for block in self._together():
            yield block * np.float32(0.99 / peak) if peak > 0.99 else block

    def _together(self) -> Iterator[np.ndarray]:
        for backing, vocal in zip(blocks_of(self.backing), blocks_of(self.vocal), strict=True):
            yield (backing + vocal) * np.float32(self.mix_gain)


def one_voice(y: Samples, rate: int) -> tuple[Wave, int]:
    """Fold to mono (T,) and bring to a rate that WORLD accepts; the level is evened so that thresholds hold."""
    target = min(max(rate, MIN_RATE), MAX_RATE)
    if rate > MAX_RATE:
        target = 44_100 if rate % 44_100 == 0 else MAX_RATE
    mono = at_hand(resampled(_folded(y), rate, target, 1), channels=1)
    peak = peak_of(mono)
    if peak < 1e-5 or mono.shape[1] < target // 5:
        raise InputError("no voiced speech found", hint="the recording is silent or shorter than a fifth of a second")
    voice = Line(mono, 0.5 / peak)
    return (voice[:] if isinstance(mono, np.ndarray) else voice), target


def _folded(y: Samples) -> Iterator[np.ndarray]:
    """The mean of the channels in blocks (1, n)."""
    for block in blocks_of(y):
        mono = block.mean(axis=0, dtype=np.float32, keepdims=True)
        if not np.isfinite(mono).all():
            raise InputError("the speech holds NaN or infinity")
        yield mono


def resample_blocks(
    blocks: Iterable[np.ndarray], rate: int, target: int, length: int, *, most: int | None = None
) -> Samples:
    """Bring one channel (1, n), block by block, to another rate and to a length (`most` as for `at_hand`)."""

    def cut() -> Iterator[np.ndarray]:
        left = length
        for block in resampled(blocks, rate, target, 1):
            yield block[:, :left]
            left -= min(left, block.shape[1])
        while left:
            yield np.zeros((1, min(left, rate)), np.float32)
            left -= min(left, rate)

    return at_hand(cut(), channels=1, most=most)


def balance(sung: Sung, how: Singing) -> Sung:
    """Set the vocal's loudness against the backing where it sings."""
    mix_gain, peak = 1.0, peak_of(sung.vocal)
    if how.balance_lu is None:
        gain = REFERENCE_GAINS[0] / REFERENCE_GAINS[1] / max(peak, 1e-9) if peak > 1 else 1.4
        if how.engine == "world" and 0 < peak <= 1:
            gain = 1.4 / peak  # the published vocals came out near full scale
        mix_gain = REFERENCE_GAINS[1]
    else:
        gain = _gain(sung, how.balance_lu)
    warnings = sung.warnings
    louder = (block * np.float32(gain) for block in blocks_of(sung.vocal))
    if how.balance_lu is not None and float(np.float32(peak) * np.float32(gain)) > 0.89:
        limiter = Limiter(sung.rate, 1, ceiling_dbtp=-1.0)
        vocal = at_hand(_limited(louder, limiter), channels=1)
        if limiter.reduction_db >= 3:
            said = f"the vocal's peaks were limited by up to {limiter.reduction_db:.1f} dB to stand up to the backing"
            warnings = [*warnings, said + " (a lower --balance needs less)"]
    else:
        vocal = at_hand(louder, channels=1)
    return replace(sung, vocal=vocal, mix_gain=mix_gain, warnings=warnings)


def _limited(blocks: Iterable[np.ndarray], limiter: Limiter) -> Iterator[np.ndarray]:
    for block in blocks:
        yield limiter.process(block)
    yield limiter.flush()


def _gain(sung: Sung, balance_lu: float) -> float:
    """The factor that brings the vocal to a loudness over the backing."""
    active = _active(sung.vocal, sung.rate)
    wanted = _loudness(sung.backing, active, sung.rate)
    own = _loudness(sung.vocal, active, sung.rate, dual_mono=sung.backing.shape[0] > 1)
    if wanted is not None and own is not None:
        return float(10 ** ((wanted + balance_lu - own) / 20))
    return level_gain(Line(sung.vocal))


def _active(y: Samples, rate: int) -> np.ndarray:
    """Tenths of a second, whole ones, in which there is sound."""
    size = max(1, rate // 10)
    whole = y.shape[1] // size * size
    loud = [
        np.abs(y[:1, k : min(k + 50 * size, whole)]).reshape(-1, size).max(axis=1) for k in range(0, whole, 50 * size)
    ]
    highest = np.concatenate([np.zeros(0, np.float32), *loud])
    return np.asarray(highest > 0.01 * highest.max(initial=0.0))


def _loudness(y: Samples, active: np.ndarray, rate: int, *, dual_mono: bool = False) -> float | None:
    """Loudness of some tenths of a second in LUFS, None for silence or less than half a second."""
    size = max(1, rate // 10)
    if active.sum() * size < rate // 2:
        return None
    meter = Meter(rate, y.shape[0], dual_mono=dual_mono)
    for k in range(0, len(active), 10):
        heard = np.repeat(active[k : k + 10], size)
        if heard.any():
            meter.process(np.ascontiguousarray(y[:, k * size : k * size + len(heard)][:, heard]))
    value = meter.result().integrated_lufs
    return value if np.isfinite(value) else None
