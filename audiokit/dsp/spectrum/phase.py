"""Phase for spectra that lost it: gradient heap integration, then fast Griffin-Lim, in segments.

`retrieve_phase` works on a whole magnitude; `PhaseStream` on one that arrives in blocks, with the same segments,
so that memory is bounded and the result is the same. Where segments join, the frames decided last are given to
the next segment as known: it continues their phase, and nothing needs to be cross-faded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiokit.dsp.spectrum.griffin_lim import (
    BandKeeper,
    PhaseSettings,
    _direction,
    _fast_griffin_lim,
)
from audiokit.dsp.spectrum.phase_kernels import compiled, spread_phase, worth_compiling
from audiokit.dsp.spectrum.stft import window_values
from audiokit.errors import ParameterError

# Bins this far (in nats) below a segment's loudest get a random phase: they cannot be heard beside it.
_DEPTH = 14.0
_LEVELS = 2048


def retrieve_phase(
    magnitude: np.ndarray,
    settings: PhaseSettings,
    *,
    source: np.ndarray | None = None,
    length: int | None = None,
    keeper: BandKeeper | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Find a phase for a magnitude spectrogram.

    Several channels start from one common phase, so that what is in the middle of a stereo picture stays there.

    Args:
        magnitude: magnitude (C, F, N), float32, not negative.
        settings: framing and method.
        source: spectrum (C, F, N) or (1, F, N), complex, whose phase init "source" starts from.
        length: samples of audio the frames came from; what lies outside is known to be silent.
        keeper: bands that the audio has to keep, when the magnitude is only an estimate.
        rng: source of the random phases; seeded with 0 unless given.

    Returns:
        Spectrum (C, F, N), complex64, with exactly the given magnitude (unless there is a keeper).

    Raises:
        ParameterError: the magnitude does not fit n_fft, or init "source" has no source.

    References:
        Prusa, Balazs, Sondergaard (2017), A noniterative method for reconstruction of phase from STFT magnitude.
        Perraudin, Balazs, Sondergaard (2013), A fast Griffin-Lim algorithm.

    >>> from audiokit.dsp.spectrum.stft import istft, stft
    >>> y = np.sin(0.3 * np.arange(8000, dtype=np.float32))[None]
    >>> magnitude = np.abs(stft(y, n_fft=512, hop=128))
    >>> S = retrieve_phase(magnitude, PhaseSettings(n_fft=512, hop=128), length=8000)
    >>> again = np.abs(stft(istft(S, n_fft=512, hop=128, length=8000), n_fft=512, hop=128))
    >>> bool(np.linalg.norm(again - magnitude) < 0.02 * np.linalg.norm(magnitude))
    True
    """
    stream = PhaseStream(magnitude.shape[0], settings, keeper=keeper, rng=rng)
    parts = [stream.push(magnitude, source), stream.finish(length)]
    return np.concatenate(parts, axis=2)


class PhaseStream:
    """Find phases for magnitudes that arrive in blocks; the result is that of `retrieve_phase`.

    >>> stream = PhaseStream(1, PhaseSettings(n_fft=256, hop=64, segment=50))
    >>> [stream.push(np.ones((1, 129, 40), np.float32)).shape[2] for _ in range(3)]
    [0, 50, 50]
    >>> stream.finish().shape[2]
    20
    """

    def __init__(
        self,
        channels: int,
        settings: PhaseSettings,
        *,
        keeper: BandKeeper | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.settings = settings
        self._keeper = keeper
        self.channels = channels
        self._rng = np.random.default_rng(0) if rng is None else rng
        bins = settings.n_fft // 2 + 1
        # Frame-major inside: every frame is one transform.
        self._magnitude = np.zeros((channels, 0, bins), np.float32)
        self._source = np.zeros((channels, 0, bins), np.complex64)
        self._known = np.zeros((channels, 0, bins), np.complex64)
        self._decided = 0

    def push(self, magnitude: np.ndarray, source: np.ndarray | None = None) -> np.ndarray:
        """Take magnitudes (C, F, k), and as many frames of the source for init "source"; return what is decided."""
        s = self.settings
        if magnitude.shape[1] != s.n_fft // 2 + 1:
            raise ParameterError(f"{magnitude.shape[1]} bins do not fit n_fft {s.n_fft}, which has {s.n_fft // 2 + 1}")
        self._magnitude = _append(self._magnitude, magnitude.astype(np.float32, copy=False))
        if s.init == "source":
            if source is None:
                raise ParameterError(
                    "a start from the source needs the source", hint="add --source FILE, or choose --init pghi"
                )
            self._source = _append(self._source, _fit_source(source, magnitude))
        done = [np.zeros((self.channels, s.n_fft // 2 + 1, 0), np.complex64)]
        # Frames without their successors are decided badly, so some wait for the next segment.
        while self._magnitude.shape[1] >= s.frames + s.context:
            done.append(self._decide(s.frames, s.context, None))
        return np.concatenate(done, axis=2)

    def finish(self, length: int | None = None) -> np.ndarray:
        """Return the rest; `length` samples of audio belong to all frames together."""
        return self._decide(self._magnitude.shape[1], 0, length)

    def _decide(self, count: int, ahead: int, length: int | None) -> np.ndarray:
        if count == 0:
            return np.zeros((self.channels, self.settings.n_fft // 2 + 1, 0), np.complex64)
        taken = count + ahead
        magnitude, source = self._magnitude[:, :taken], self._source[:, :taken]
        start = self._start(magnitude, source)
        decided = np.stack(
            [
                _fast_griffin_lim(
                    magnitude[c], start[c], self._known[c], self.settings, self._silence(length), self._keeper
                )[:count]
                for c in range(self.channels)
            ]
        )
        self._magnitude = self._magnitude[:, count:].copy()
        self._source = self._source[:, count:].copy()
        self._known = np.concatenate([self._known, decided], axis=1)[:, -self.settings.context :].copy()
        self._decided += count
        return np.ascontiguousarray(np.moveaxis(decided, 1, 2))

    def _silence(self, length: int | None) -> tuple[int, int]:
        """Samples of the segment that come before, and from which on they come after, the signal."""
        s = self.settings
        if s.pad_mode != "constant":
            return 0, 1 << 62
        offset = (self._decided - self._known.shape[1]) * s.hop - s.sides[0]
        return max(0, -offset), (1 << 62) if length is None else max(0, length - offset)

    def _start(self, magnitude: np.ndarray, source: np.ndarray) -> np.ndarray:
        """First guess (C, N, F), complex64."""
        if self.settings.init == "source":
            return magnitude * _direction(source)
        if self.settings.init == "random":
            angle = self._rng.random(magnitude.shape[1:]) * (2 * np.pi)
        else:
            # One phase for all channels; where a channel continues, the loudest one says how.
            together = np.sqrt(np.mean(magnitude**2, axis=0))
            loudest = np.abs(self._known).argmax(axis=0)[None]
            known = np.take_along_axis(self._known, loudest, axis=0)[0]
            angle = _integrate(together, known, self.settings, self._rng)
        return magnitude * np.exp(1j * angle).astype(np.complex64)


def pghi(
    magnitude: np.ndarray,
    *,
    n_fft: int,
    hop: int,
    window: str = "hann",
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Find a phase from the magnitude's own gradient, without iterating.

    Args:
        magnitude: magnitude (C, F, N), float32.
        n_fft: frame length in samples.
        hop: step between frames in samples.
        window: name of the window.
        rng: source of the phases of inaudible bins.

    Returns:
        Spectrum (C, F, N), complex64.

    References:
        Prusa, Balazs, Sondergaard (2017), A noniterative method for reconstruction of phase from STFT magnitude.

    >>> pghi(np.ones((1, 129, 5), np.float32), n_fft=256, hop=64).shape
    (1, 129, 5)
    """
    return retrieve_phase(magnitude, PhaseSettings(n_fft, hop, window, iterations=0), rng=rng)


def griffin_lim(
    magnitude: np.ndarray,
    *,
    n_fft: int,
    hop: int,
    window: str = "hann",
    iterations: int = 32,
    momentum: float = 0.99,
    start: np.ndarray | None = None,
    length: int | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Find a phase by fast Griffin-Lim from a random start or a given one, with centred frames, in one piece.

    Args:
        magnitude: magnitude (C, F, N), float32.
        n_fft: frame length in samples.
        hop: step between frames in samples.
        window: name of the window.
        iterations: rounds.
        momentum: acceleration; 0 is the plain algorithm.
        start: spectrum (C, F, N) whose phase to start from.
        length: samples of audio the frames came from.
        rng: source of the random start.

    Returns:
        Spectrum (C, F, N), complex64.

    References:
        Griffin and Lim (1984); Perraudin, Balazs, Sondergaard (2013), A fast Griffin-Lim algorithm.

    >>> griffin_lim(np.ones((1, 129, 5), np.float32), n_fft=256, hop=64, iterations=1).shape
    (1, 129, 5)
    """
    settings = PhaseSettings(
        n_fft,
        hop,
        window,
        init="random" if start is None else "source",
        iterations=iterations,
        momentum=momentum,
        segment=max(1, magnitude.shape[2]),
    )
    return retrieve_phase(magnitude, settings, source=start, length=length, rng=rng)


def _append(held: np.ndarray, block: np.ndarray) -> np.ndarray:
    return np.concatenate([held, np.moveaxis(block, 1, 2)], axis=1)


def _fit_source(source: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Repeat a mono source for every channel; beyond its end its phase is 0."""
    missing = magnitude.shape[2] - source.shape[2]
    source = np.pad(source[:, :, : magnitude.shape[2]], ((0, 0), (0, 0), (0, max(0, missing))))
    if source.shape[0] not in (1, magnitude.shape[0]):
        source = source.sum(axis=0, keepdims=True)
    return np.broadcast_to(source, magnitude.shape)


def _integrate(
    magnitude: np.ndarray, known: np.ndarray, settings: PhaseSettings, rng: np.random.Generator
) -> np.ndarray:
    """Phase (N, F) of a magnitude by gradient integration, continuing the `known` frames (K, F)."""
    n_fft, hop, before = settings.n_fft, settings.hop, len(known)
    logm = np.log(np.maximum(np.concatenate([np.abs(known), magnitude]), np.float32(1e-30)))
    # Gradients hold for frames whose phase refers to their centre; half a frame turns bin f by pi * f.
    centre = np.pi * np.arange(n_fft // 2 + 1)
    phase = np.zeros(logm.shape)
    phase[:before] = np.angle(known) + centre
    gamma = _gaussian_width(settings.window, n_fft)
    decided = _spread(logm, phase, before, hop * n_fft / gamma / 2, -gamma / (hop * n_fft) / 2, 2 * np.pi * hop / n_fft)
    phase, decided = phase[before:], decided[before:]
    return np.where(decided, phase - centre, rng.random(phase.shape) * (2 * np.pi))


def _spread(
    logm: np.ndarray, phase: np.ndarray, before: int, c_time: float, c_freq: float, advance: float
) -> np.ndarray:
    """Integrate the phase (N, F) from the first `before` frames on, in place; tell which bins were reached."""
    N, F = logm.shape
    width = F + 1

    def flat(x: np.ndarray, beyond: float) -> np.ndarray:
        """A closed bin after each row, a closed row before and after all."""
        return np.pad(x, ((1, 1), (0, width - x.shape[1])), constant_values=beyond).reshape(-1)

    edge = np.pad(logm, 1, mode="edge")
    slope = edge[1:-1, 2:] - edge[1:-1, :-2]
    time_step = (c_time * slope.astype(np.float64) + advance * np.arange(F)).astype(np.float32)
    freq_step = (c_freq * (edge[2:, 1:-1] - edge[:-2, 1:-1]).astype(np.float64)).astype(np.float32)
    right = flat(0.5 * (freq_step[:, :-1] + freq_step[:, 1:]).astype(np.float64), 0)
    down = flat(np.pad(0.5 * (time_step[:-1] + time_step[1:]).astype(np.float64), ((0, 1), (0, 0))), 0)
    above = logm.astype(np.float64) - (float(logm.max()) - _DEPTH)
    level = flat((np.maximum(above, 0) * (_LEVELS / (_DEPTH + 1e-6))).astype(np.int16), 0)
    is_known = np.arange(N)[:, None] < before
    audible = above >= 0
    shut = is_known | ~audible
    closed = flat(shut.astype(np.uint8), 1)
    open_bins = np.flatnonzero(closed == 0)
    order = open_bins[np.argsort(level[open_bins], kind="stable")][::-1].copy()
    spread = flat(phase, 0)
    arrays = (
        spread, closed, level.astype(np.int64), right, down, order, np.flatnonzero(flat(audible & is_known, 0)),
        np.full(_LEVELS + 1, -1), np.full(len(level), -1),
    )  # fmt: skip
    if worth_compiling(len(order)):
        compiled()(*arrays, width)
    else:
        lists: list[Any] = [array.tolist() for array in arrays]
        spread_phase(*lists, width)  # type: ignore[call-arg]
        spread, closed = np.array(lists[0]), np.array(lists[1], np.uint8)
    phase[:] = spread.reshape(N + 2, width)[1:-1, :F]
    return is_known | (audible & (closed.reshape(N + 2, width)[1:-1, :F] == 1))


def _gaussian_width(window: str, n_fft: int) -> float:
    """Width gamma of the Gaussian exp(-pi t^2 / gamma) that is nearest to a window, in samples squared."""
    n = 512
    t = (np.arange(n) - n // 2) / n
    widths = np.linspace(0.05, 1.0, 1901)
    shapes = np.exp(-np.pi * t**2 / widths[:, None])
    errors = np.sum((shapes - window_values(window, n)) ** 2, axis=1)
    return float(widths[errors.argmin()]) * n_fft**2
