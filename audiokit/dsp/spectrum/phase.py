"""Phase for spectra that lost it: gradient heap integration, then fast Griffin-Lim, in segments.

`retrieve_phase` works on a whole magnitude; `PhaseStream` on one that arrives in blocks, with the same segments,
so that memory is bounded and the result is the same. Where segments join, the frames decided last are given to
the next segment as known: it continues their phase, and nothing needs to be cross-faded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.spectrum.stft import Pad, frame_parameters, window_values
from audiokit.errors import ParameterError

INITS = ("pghi", "source", "random")
# Bins this far (in nats) below a segment's loudest get a random phase: they cannot be heard beside it.
_DEPTH = 14.0
_LEVELS = 2048
_SEGMENT_VALUES = 1 << 19


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


def _direction(S: np.ndarray) -> np.ndarray:
    size = np.abs(S)
    return np.where(size > 0, S / np.where(size > 0, size, 1), 1).astype(np.complex64)


def _integrate(
    magnitude: np.ndarray, known: np.ndarray, settings: PhaseSettings, rng: np.random.Generator
) -> np.ndarray:
    """Phase (N, F) of a magnitude by gradient integration, continuing the `known` frames (K, F)."""
    from audiokit.dsp.spectrum.phase_kernels import integrate_heap

    n_fft, hop, before = settings.n_fft, settings.hop, len(known)
    logm = np.log(np.maximum(np.concatenate([np.abs(known), magnitude]), np.float32(1e-30)))
    # Gradients hold for frames whose phase refers to their centre; half a frame turns bin f by pi * f.
    centre = np.pi * np.arange(n_fft // 2 + 1)
    phase = np.zeros(logm.shape, np.float64)
    phase[:before] = np.angle(known) + centre
    done = np.zeros(logm.shape, np.uint8)
    done[:before] = 1
    gamma = _gaussian_width(settings.window, n_fft)
    integrate_heap(
        logm, phase, done, hop * n_fft / gamma / 2, -gamma / (hop * n_fft) / 2, 2 * np.pi * hop / n_fft,
        _DEPTH, _LEVELS,
    )  # fmt: skip
    phase, done = phase[before:], done[before:]
    return np.where(done == 1, phase - centre, rng.random(phase.shape) * (2 * np.pi))


def _gaussian_width(window: str, n_fft: int) -> float:
    """Width gamma of the Gaussian exp(-pi t^2 / gamma) that is nearest to a window, in samples squared."""
    n = 512
    t = (np.arange(n) - n // 2) / n
    widths = np.linspace(0.05, 1.0, 1901)
    shapes = np.exp(-np.pi * t**2 / widths[:, None])
    errors = np.sum((shapes - window_values(window, n)) ** 2, axis=1)
    return float(widths[errors.argmin()]) * n_fft**2


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
    from scipy.fft import irfft, rfft

    from audiokit.dsp.spectrum.phase_kernels import accelerate, analyse, synthesize

    n_fft, hop, before = settings.n_fft, settings.hop, len(known)
    window = window_values(settings.window, n_fft)
    spectrum = np.concatenate([known, start])
    target = np.concatenate([np.abs(known), magnitude]).ravel()
    count = len(spectrum)
    y = np.empty((count - 1) * hop + n_fft, np.float32)
    weight = np.empty_like(y)
    synthesize(np.broadcast_to(window, (count, n_fft)), window, hop, np.ones_like(y), weight)
    normalise = np.where(weight > 1e-8, 1 / np.maximum(weight, 1e-8), 0).astype(np.float32)
    normalise[: silence[0]] = 0
    normalise[min(silence[1], len(y)) :] = 0
    frames = np.empty((count, n_fft), np.float32)
    previous: np.ndarray | None = None
    wanted = None if keeper is None else keeper.bands(magnitude)
    rounds = {int(share * settings.iterations) for share in BandKeeper.SHARES} if keeper else set()
    for k in range(settings.iterations):
        synthesize(irfft(spectrum, n_fft, axis=1, overwrite_x=True), window, hop, normalise, y)
        analyse(y, window, hop, frames)
        found = rfft(frames, axis=1)
        if keeper is not None and wanted is not None and k in rounds:
            target.reshape(count, -1)[before:] *= keeper.correction(wanted, keeper.bands(np.abs(found[before:])))
        accelerate(
            target, _pairs(found), _pairs(found if previous is None else previous),
            np.float32(settings.momentum), _pairs(spectrum),
        )  # fmt: skip
        spectrum[:before] = known
        previous = found
    return spectrum[before:]


def _pairs(S: np.ndarray) -> np.ndarray:
    return S.view(np.float32).reshape(-1, 2)
