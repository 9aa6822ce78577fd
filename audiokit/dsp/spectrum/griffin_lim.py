"""Fast Griffin-Lim: magnitudes kept, phases found by going there and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.spectrum.fft import irfft, rfft
from audiokit.dsp.spectrum.phase_kernels import accelerate, overlap_add
from audiokit.dsp.spectrum.stft import Pad, frame_parameters, window_values
from audiokit.errors import ParameterError

INITS = ("pghi", "source", "random")


_SEGMENT_VALUES = 1 << 19
#: Frames transformed at once, so that what is done to them finds them in the cache.
_FRAMES = 64


@dataclass(frozen=True)
class PhaseSettings:
    """How phase is found.

    Attributes:
        n_fft, hop, window, pad, pad_mode: framing of the spectrum, as in `audiokit.dsp.spectrum.stft`.
        init: start of the iteration: "pghi", "source" (a given phase) or "random".
        iterations: rounds of fast Griffin-Lim after the start; 0 keeps the start.
        momentum: acceleration of fast Griffin-Lim; 0 is the plain algorithm.
        segment: frames decided at once; chosen by memory unless given.
    """

    n_fft: int
    hop: int
    window: str = "hann"
    pad: Pad | None = None
    pad_mode: str = "constant"
    init: str = "pghi"
    iterations: int = 32
    momentum: float = 0.99
    segment: int | None = None

    def __post_init__(self) -> None:
        if self.init not in INITS:
            raise ParameterError(f"unknown start {self.init!r}", hint=f"starts: {', '.join(INITS)}")
        if self.iterations < 0:
            raise ParameterError(f"iterations {self.iterations} is less than 0")
        frame_parameters(self.n_fft, self.hop, self.window, self.sides, self.pad_mode)
        if self.hop > self.n_fft // 2:
            raise ParameterError(
                f"hop {self.hop} is more than half of n_fft {self.n_fft}: frames overlap too little to find a phase",
                hint="make the spectrogram with a smaller --hop",
            )

    @property
    def sides(self) -> tuple[int, int]:
        """Samples that the analysis added left and right."""
        if self.pad is None:
            return self.n_fft // 2, self.n_fft // 2
        return (self.pad, self.pad) if isinstance(self.pad, int) else self.pad

    @property
    def context(self) -> int:
        """Frames of the segment before that a segment continues."""
        return 2 * -(-self.n_fft // self.hop)

    @property
    def frames(self) -> int:
        """Frames decided at once."""
        return self.segment or max(64, _SEGMENT_VALUES // self.n_fft)


class BandKeeper:
    """Keep the filter bands of what comes out at those of what went in.

    A magnitude that was only estimated (from mel bands, say) is not one that audio can have, and the audio that is
    nearest has other bands. While phases are found, every bin is turned up or down by what the bands around it
    lack, so that the audio keeps the bands that were given.

    Args:
        filters: filter bank (n, F).
        power: the bands are sums of magnitude ** power.
    """

    #: Rounds after which bins are corrected, as shares of all rounds, and how much of the difference is made up.
    SHARES = (0.3, 0.45, 0.6, 0.75, 0.9)
    STRENGTH = 0.7

    def __init__(self, filters: np.ndarray, power: float = 1.0) -> None:
        self._filters, self._power = np.ascontiguousarray(filters.T), power
        spread = filters / np.maximum(filters.sum(axis=1, keepdims=True), 1e-20)
        self._spread = spread / np.maximum(spread.sum(axis=0), 1e-12)

    def bands(self, magnitude: np.ndarray) -> np.ndarray:
        """Bands (N, n) of a magnitude (N, F)."""
        return magnitude**self._power @ self._filters

    def correction(self, wanted: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Factors (N, F) for the bins, from bands wanted and found (N, n)."""
        floor = 1e-5**self._power * wanted.max(initial=1e-20)
        ratio = np.clip((wanted + floor) / (found + floor), 0.2**self._power, 5.0**self._power)
        return np.exp((self.STRENGTH / self._power) * (np.log(ratio) @ self._spread)).astype(np.float32)


def _direction(S: np.ndarray) -> np.ndarray:
    size = np.abs(S)
    return np.where(size > 0, S / np.where(size > 0, size, 1), 1).astype(np.complex64)


def _fast_griffin_lim(
    magnitude: np.ndarray,
    start: np.ndarray,
    known: np.ndarray,
    settings: PhaseSettings,
    silence: tuple[int, int],
    keeper: BandKeeper | None,
) -> np.ndarray:
    """Improve a start (N, F) by fast Griffin-Lim, with the `known` frames (K, F) before it held as they are."""
    if settings.iterations == 0 or not magnitude.any():
        return start
    n_fft, hop, before = settings.n_fft, settings.hop, len(known)
    window = window_values(settings.window, n_fft)
    spectrum = np.concatenate([known, start])
    target = np.concatenate([np.abs(known), magnitude])
    count = len(spectrum)
    y = np.empty((count - 1) * hop + n_fft, np.float32)
    y[:] = 0
    overlap_add(np.broadcast_to(window * window, (count, n_fft)), hop, y)
    normalise = np.where(y > 1e-8, 1 / np.maximum(y, 1e-8), 0).astype(np.float32)
    normalise[: silence[0]] = 0
    normalise[min(silence[1], len(y)) :] = 0
    frames = np.empty((_FRAMES, n_fft), np.float32)
    blocks = [slice(k, min(k + _FRAMES, count)) for k in range(0, count, _FRAMES)]
    found, previous = np.empty_like(spectrum), np.empty_like(spectrum)
    places = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop]
    wanted = None if keeper is None else keeper.bands(magnitude)
    rounds = {int(share * settings.iterations) for share in BandKeeper.SHARES} if keeper else set()
    for k in range(settings.iterations):
        correcting = keeper is not None and k in rounds
        y[:] = 0
        for block in blocks:
            some = frames[: block.stop - block.start]
            irfft(spectrum[block], n_fft, out=some)
            some *= window
            overlap_add(some, hop, y[block.start * hop :])
        y *= normalise
        for block in blocks:
            some = frames[: block.stop - block.start]
            np.multiply(places[block], window, out=some)
            rfft(some, out=found[block])
            if not correcting:
                last = previous if k else found
                accelerate(target[block], found[block], last[block], settings.momentum, spectrum[block])
        if keeper is not None and wanted is not None and correcting:
            target[before:] *= keeper.correction(wanted, keeper.bands(np.abs(found[before:])))
            accelerate(target, found, previous if k else found, settings.momentum, spectrum)
        spectrum[:before] = known
        found, previous = previous, found
    return spectrum[before:]
