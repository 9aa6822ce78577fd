"""Where the noise is: its power in every bin, followed by minima, or measured where it is alone.

References:
    Martin (2001), Noise power spectral density estimation based on optimal smoothing and minimum statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audiokit.dsp.spectrum.medians import running_median
from audiokit.dsp.spectrum.moving import moving_mean, moving_minimum
from audiokit.dsp.spectrum.stft import stft
from audiokit.errors import ParameterError

ENGINES = ("wiener", "gate", "mask")
#: Power below which a bin counts as digital silence: far under the dither of 24 bits.
SILENCE = 1e-14


@dataclass(frozen=True)
class Rule:
    """How noise is followed and turned down.

    Args:
        engine: "wiener", "gate" or "mask".
        floor_db: gain where there is nothing but noise.
        window_s: span of the minima that bound the noise from below.
        bias: what smoothed minima are multiplied by to become means.
        cap: how many times those bounds the noise may be where speech is unlikely; 1 follows the bounds alone.
        memory: weight of the previous frame in the decision-directed signal-to-noise ratio.
        tones: spare steady tones: the noise in a bin is no more than the lower envelope of its neighbours.
        threshold_db: for the mask, the level (of a sine, dB re full scale) below which bins are dropped; None
            takes 10 dB above the noise. For the gate, None means 6 dB above the noise.
        hard: for the mask, all or nothing and no smoothing: what threshold masks usually do, musical noise included.
    """

    engine: str = "wiener"
    floor_db: float = -18.0
    window_s: float = 1.2
    bias: float = 1.8
    cap: float = 3.0
    memory: float = 0.96
    tones: bool = False
    threshold_db: float | None = None
    hard: bool = False

    def __post_init__(self) -> None:
        """Check what cannot work."""
        if self.engine not in ENGINES:
            raise ParameterError(f"unknown engine {self.engine!r}", hint=f"engines: {', '.join(ENGINES)}")
        if not -120 <= self.floor_db <= 0:
            raise ParameterError(f"floor {self.floor_db} dB is not in -120..0")


def music_rule(rule: Rule) -> Rule:
    """Turn a rule into one that is safe on music: slow, shallow, and blind to sustained notes.

    >>> music_rule(Rule()).floor_db
    -8.0
    """
    return replace(rule, floor_db=max(rule.floor_db, -8.0), window_s=4.0, bias=1.3, cap=1.0, tones=True)


def frame_size(rate: int) -> int:
    """Choose a frame of about 32 ms whose Fourier transform is fast.

    >>> frame_size(16_000), frame_size(44_100)
    (512, 1440)
    """
    wanted = max(16, rate * 0.032)
    sizes = [4 * 2**a * 3**b * 5**c for a in range(14) for b in range(3) for c in range(2)]
    return min(sizes, key=lambda n: (abs(np.log(n / wanted)), n))


def noise_profile(y: np.ndarray, *, rate: int) -> np.ndarray:
    """Measure the mean power spectrum of a recording of noise.

    Args:
        y: noise alone (C, T), at least one frame long.
        rate: Hz.

    Returns:
        Power per bin (F,), float64, on the frames that the engines use, summed over channels.

    Raises:
        ParameterError: less than 50 ms of audio.

    >>> noise_profile(np.ones((1, 16_000), np.float32), rate=16_000).shape
    (257,)
    """
    n_fft = frame_size(rate)
    if y.shape[1] < max(n_fft, 0.05 * rate):
        raise ParameterError(
            f"noise profile of {y.shape[1] / rate:.3f} s is too short", hint="give at least 0.05 s of noise alone"
        )
    power = np.abs(stft(y, n_fft=n_fft, hop=n_fft // 4, center=False)).astype(np.float64) ** 2
    return power.sum(axis=0).mean(axis=1) + SILENCE


def noise_ratio_db(y: np.ndarray, *, rate: int) -> float:
    """Measure how far the loudest twentieth of a recording stands above its tracked noise, in dB.

    Speech at a signal-to-noise ratio of 15 dB gives about 27 dB, a good recording 35 dB and more.

    >>> noise_ratio_db(np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32), rate=16_000) < 6
    True
    """
    n_fft = frame_size(rate)
    power = (np.abs(stft(y, n_fft=n_fft, hop=n_fft // 4)).astype(np.float64) ** 2).sum(axis=0)
    power, floor = NoiseFloor(Rule(), frames_per_s=4 * rate / n_fft).push(power, last=True)
    if power.size == 0:
        return 0.0
    loud = np.sort(power.sum(axis=0))[-max(1, power.shape[1] // 20) :].mean()
    return float(10 * np.log10((loud + SILENCE) / (np.median(floor.sum(axis=0)) + SILENCE)))


class NoiseFloor:
    """Bound the noise power from below by smoothed minima of the power spectrum around each frame.

    Frames wait until everything within half the window has been seen.
    """

    def __init__(self, rule: Rule, *, frames_per_s: float) -> None:
        self._smooth = max(1, round(0.032 * frames_per_s))
        self._half = max(1, round(rule.window_s / 2 * frames_per_s))
        self._mean = max(1, round(rule.window_s / 4 * frames_per_s))
        self._bias, self._tones = rule.bias, rule.tones
        self._reach = self._smooth + self._half + self._mean
        self._held: list[np.ndarray] = []
        self._count = 0
        self._before = 0

    def push(self, power: np.ndarray, *, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """Take power (F, n); return the frames (F, m) that are decided and their noise (F, m)."""
        self._held.append(power)
        self._count += power.shape[1]
        ready = self._count - self._before - (0 if last else self._reach)
        # Context is filtered again with every call: wait until it is worth it.
        if ready <= 0 or (not last and ready < self._reach):
            return power[:, :0], power[:, :0]
        held = np.concatenate(self._held, axis=1)
        now = slice(self._before, self._before + ready)
        floor, decided = self._filter(held, now), held[:, now]
        keep = max(0, self._before + ready - self._reach)
        self._held = [held[:, keep:]]
        self._count -= keep
        self._before += ready - keep
        return decided, floor

    def _filter(self, power: np.ndarray, now: slice) -> np.ndarray:
        """The noise in the frames `now` of all that are held."""
        smooth = moving_mean(power, 2 * self._smooth + 1, axis=1)
        floor = moving_minimum(smooth, 2 * self._half + 1, axis=1)
        floor = moving_mean(floor, 2 * self._mean + 1, axis=1)[:, now]
        if self._tones:
            # A note that never pauses is a peak across frequency; noise is not.
            width = max(9, floor.shape[0] // 16) | 1
            floor = np.minimum(floor, running_median(floor, width, axis=0, mode="nearest"))
        return np.maximum(floor, 0) * self._bias + SILENCE
