"""Short-time Fourier transform and its exact inverse, whole or block by block.

One framing rule serves every front-end. The signal is extended by `pad` samples (one number, or one for
each side), with zeros or by reflection; frame k covers samples k*hop - pad ... k*hop - pad + n_fft of it.
`center` means pad = n_fft // 2, which is librosa's default framing. `tail` adds the last frame that a length
which is no multiple of `hop` would leave out, so that nothing of the signal is lost when `hop` is large.
Phases refer to the first sample of each frame.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiokit.dsp.spectrum.fft import irfft
from audiokit.dsp.spectrum.frames import extended, squared, transformed
from audiokit.errors import ParameterError

PAD_MODES = ("constant", "reflect")
_COSINES = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "rect": (1.0,),
}
Pad = int | tuple[int, int]
WINDOWS = (*_COSINES, "sqrt-hann")
# Frames turned back at once: enough to amortise the call, few enough to stay in a few MB.
_BATCH = 512
# Summed squared window below which a sample was never seen by any frame.
_NO_WINDOW = 1e-10


def window_values(window: str, n: int) -> np.ndarray:
    """Compute a periodic window.

    Args:
        window: one of hann, hamming, blackman, rect, sqrt-hann.
        n: length in samples.

    Returns:
        Window (n,), float32, read-only.

    Raises:
        ParameterError: the window is unknown or n < 1.

    >>> window_values("hann", 4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    if n < 1:
        raise ParameterError(f"a window needs at least 1 sample, not {n}")
    if window not in WINDOWS:
        raise ParameterError(f"unknown window {window!r}", hint=f"windows: {', '.join(WINDOWS)}")
    return _window(window, n)


@lru_cache(maxsize=16)
def _window(window: str, n: int) -> np.ndarray:
    values = _cosine_sum(_COSINES[window.removeprefix("sqrt-")], n)
    made: np.ndarray = (np.sqrt(values) if window.startswith("sqrt-") else values).astype(np.float32)
    made.flags.writeable = False
    return made


def _cosine_sum(weights: tuple[float, ...], n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return sum(((-1) ** k) * w * np.cos(k * angle) for k, w in enumerate(weights)) * np.ones(n)


def frame_count(length: int, *, n_fft: int, hop: int, pad: Pad, tail: bool = False) -> int:
    """Count the frames that `length` samples give.

    >>> [frame_count(1000, n_fft=256, hop=64, pad=128, tail=tail) for tail in (False, True)]
    [16, 17]
    """
    room = length + sum(_sides(n_fft, False, pad)) - n_fft
    if tail:
        return 1 + max(0, -(-room // hop))
    return 1 + room // hop if room >= 0 else 0


def stft(
    y: np.ndarray,
    *,
    n_fft: int = 2048,
    hop: int = 512,
    window: str = "hann",
    center: bool = True,
    pad: Pad | None = None,
    pad_mode: str = "constant",
    tail: bool = False,
) -> np.ndarray:
    """Transform audio to short-time spectra.

    Args:
        y: audio (C, T), float32.
        n_fft: frame length in samples.
        hop: step between frames in samples.
        window: name of a periodic window of n_fft samples.
        center: frames are centred on multiples of hop (pad = n_fft // 2).
        pad: samples added on both sides, or (left, right), instead of what `center` says.
        pad_mode: "constant" (zeros) or "reflect".
        tail: add the frame that a length which is no multiple of hop leaves out.

    Returns:
        Spectrum (C, F, N), complex64, C-contiguous, F = n_fft // 2 + 1, N = 1 + T // hop when centred.

    Raises:
        ParameterError: hop is not in 1..n_fft, or a name is unknown.

    References:
        Allen and Rabiner (1977), A unified approach to short-time Fourier analysis.

    >>> stft(np.zeros((1, 1024), np.float32), n_fft=256, hop=64).shape
    (1, 129, 17)
    """
    _check(n_fft, hop)
    _check_mode(pad_mode)
    sides = _sides(n_fft, center, pad)
    count = frame_count(y.shape[1], n_fft=n_fft, hop=hop, pad=sides, tail=tail)
    right = max(0, (count - 1) * hop + n_fft - sides[0] - y.shape[1])
    padded = extended(np.asarray(y, np.float32), sides[0], right, pad_mode)
    return transformed(padded, count, hop, window_values(window, n_fft))


def istft(
    S: np.ndarray,
    *,
    n_fft: int | None = None,
    hop: int = 512,
    window: str = "hann",
    length: int | None = None,
    center: bool = True,
    pad: Pad | None = None,
) -> np.ndarray:
    """Turn short-time spectra back into audio by least squares (exact for an unchanged `stft`).

    Args:
        S: spectrum (C, F, N), complex.
        n_fft: frame length in samples; 2 * (F - 1) unless given (an odd length has to be given).
        hop: step between frames in samples.
        window: name of the window used for the analysis.
        length: samples to return; what the frames cover unless given.
        center: as given to `stft`.
        pad: as given to `stft`.

    Returns:
        Audio (C, T), float32.

    Raises:
        ParameterError: the bins do not fit n_fft.

    References:
        Griffin and Lim (1984), Signal estimation from modified short-time Fourier transform, eq. 6.

    >>> y = np.sin(np.arange(1000, dtype=np.float32))[None]
    >>> S = stft(y, n_fft=256, hop=64)
    >>> bool(np.allclose(istft(S, n_fft=256, hop=64, length=1000), y, atol=1e-6))
    True
    """
    n_fft = 2 * (S.shape[1] - 1) if n_fft is None else n_fft
    stream = IstftStream(channels=S.shape[0], n_fft=n_fft, hop=hop, window=window, center=center, pad=pad)
    parts = [stream.push(S[:, :, a : a + 2 * _BATCH]) for a in range(0, S.shape[2], 2 * _BATCH)]
    return np.concatenate([*parts, stream.finish(length)], axis=1)[:, :length]


class StftStream:
    """Transform audio that arrives in blocks; all frames together equal `stft` of the whole.

    Memory is a few frames plus the block. `finish` gives the frames that the end of the signal decides.

    Args:
        channels, n_fft, hop, window, center, pad, pad_mode, tail: as for `stft`.
        squared: give squared magnitudes, float32, instead.

    >>> stream = StftStream(channels=1, n_fft=256, hop=64)
    >>> blocks = [np.zeros((1, 500), np.float32)] * 2
    >>> [stream.push(block).shape[2] for block in blocks], stream.finish().shape[2]
    ([6, 8], 2)
    """

    def __init__(
        self,
        *,
        channels: int,
        n_fft: int = 2048,
        hop: int = 512,
        window: str = "hann",
        center: bool = True,
        pad: Pad | None = None,
        pad_mode: str = "constant",
        tail: bool = False,
        squared: bool = False,
    ) -> None:
        _check(n_fft, hop)
        _check_mode(pad_mode)
        self.channels, self.n_fft, self.hop, self.squared = channels, n_fft, hop, squared
        self.pad = _sides(n_fft, center, pad)
        self.pad_mode, self.tail = pad_mode, tail
        self.window = window_values(window, n_fft)
        self.length = self.frames = 0
        # The samples that wait for their frame, and the newest ones, which a reflection at the end repeats.
        self._waiting: list[np.ndarray] = []
        self._recent = np.zeros((channels, 0), np.float32)
        self._reach = max(self.pad) + hop
        self._started = False
        self._left: int | None = None

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take audio (C, n); return the spectra (C, F, k) that it completes, k may be 0."""
        self.hold(block)
        return self.take(self.ready)

    def finish(self) -> np.ndarray:
        """Return the last spectra (C, F, k)."""
        self.end()
        return self.take(self.ready)

    def hold(self, block: np.ndarray) -> None:
        """Take audio (C, n) whose spectra are asked for later (`ready`, `take`)."""
        block = block.astype(np.float32, copy=False)
        self.length += block.shape[1]
        self._waiting.append(block)
        if self.pad_mode == "reflect":
            self._recent = np.concatenate([self._recent, block], axis=1)[:, -self._reach - 1 :]
        # Until then the signal may be shorter than what is reflected of it.
        if not self._started and (self.pad_mode != "reflect" or self.length > self._reach):
            self._waiting = [extended(self._held, self.pad[0], 0, self.pad_mode)]
            self._started = True

    def end(self) -> None:
        """Take it that no more audio comes."""
        total = frame_count(self.length, n_fft=self.n_fft, hop=self.hop, pad=self.pad, tail=self.tail)
        self._left = total - self.frames
        missing = (self._left - 1) * self.hop + self.n_fft - self._held.shape[1]
        if not self._started:
            self._waiting = [extended(self._held, self.pad[0], max(0, missing - self.pad[0]), self.pad_mode)]
        elif missing > 0:
            recent = self._recent if self.pad_mode == "reflect" else self._held[:, :0]
            self._waiting.append(extended(recent, 0, missing, self.pad_mode)[:, recent.shape[1] :])

    @property
    def ready(self) -> int:
        """How many frames there are that no audio to come can change."""
        if self._left is not None:
            return self._left
        held = sum(block.shape[1] for block in self._waiting)
        return max(0, 1 + (held - self.n_fft) // self.hop) if self._started else 0

    def take(self, count: int, out: np.ndarray | None = None) -> np.ndarray:
        """Transform the next frames, `ready` at most, to new spectra (C, F, count) or into `out`."""
        if count <= 0:
            return np.zeros((self.channels, self.n_fft // 2 + 1, 0), np.float32 if self.squared else np.complex64)
        spectra = (squared if self.squared else transformed)(self._held, count, self.hop, self.window, out)
        # A view, unless little is left of much.
        rest = self._held[:, count * self.hop :]
        self._waiting = [rest if 2 * rest.shape[1] > self._held.shape[1] else rest.copy()]
        self.frames += count
        if self._left is not None:
            self._left -= count
        return spectra

    @property
    def _held(self) -> np.ndarray:
        """The samples that wait for their frame."""
        if len(self._waiting) != 1:
            self._waiting = [np.concatenate([np.zeros((self.channels, 0), np.float32), *self._waiting], axis=1)]
        return self._waiting[0]


class IstftStream:
    """Turn spectra that arrive in blocks into audio; all samples together equal `istft` of the whole.

    >>> stream = IstftStream(channels=1, n_fft=256, hop=64)
    >>> stream.push(np.zeros((1, 129, 10), np.complex64)).shape, stream.finish(600).shape
    ((1, 448), (1, 152))
    """

    def __init__(
        self,
        *,
        channels: int,
        n_fft: int = 2048,
        hop: int = 512,
        window: str = "hann",
        center: bool = True,
        pad: Pad | None = None,
    ) -> None:
        _check(n_fft, hop)
        self.channels, self.n_fft, self.hop = channels, n_fft, hop
        self.window = window_values(window, n_fft)
        self._skip, self._end = _sides(n_fft, center, pad)
        # Hops held back, because the signal may end before the frames do.
        self._delay = max(1, -(-(self._end + 2 * hop - n_fft) // hop))
        self._lag = 0
        self._sum = np.zeros((channels, 0), np.float32)
        self._weight = np.zeros(0, np.float32)
        self.samples = 0

    def push(self, S: np.ndarray) -> np.ndarray:
        """Take spectra (C, F, k); return the audio (C, n) that no later frame can change."""
        if S.shape[1] != self.n_fft // 2 + 1:
            raise ParameterError(f"{S.shape[1]} bins do not fit n_fft {self.n_fft}, which has {self.n_fft // 2 + 1}")
        count = S.shape[2]
        if count == 0:
            return np.zeros((self.channels, 0), np.float32)
        frames = irfft(np.moveaxis(S, 1, 2).astype(np.complex64, copy=False), self.n_fft) * self.window
        first = self._lag * self.hop
        total, weight = (
            np.pad(overlap_add(part, self.hop), ((0, 0), (first, 0)))
            for part in (frames, np.broadcast_to(self.window**2, (1, count, self.n_fft)))
        )
        held = self._sum.shape[1]
        total[:, :held] += self._sum
        weight[0, :held] += self._weight
        hops = max(0, self._lag + count - self._delay)
        self._lag += count - hops
        done = hops * self.hop
        self._sum, self._weight = total[:, done:].copy(), weight[0, done:].copy()
        return self._emit(total[:, :done], weight[0, :done])

    def finish(self, length: int | None = None) -> np.ndarray:
        """Return the rest, so that `length` samples have come in all (zeros where no frame reaches)."""
        before = self.samples
        rest = self._emit(self._sum, self._weight)
        if length is None:
            # What the analysis padded at the end is not part of the signal.
            return rest[:, : max(0, rest.shape[1] - self._end)]
        wanted = max(0, length - before)
        return np.pad(rest[:, :wanted], ((0, 0), (0, max(0, wanted - rest.shape[1]))))

    def _emit(self, total: np.ndarray, weight: np.ndarray) -> np.ndarray:
        skip = min(self._skip, total.shape[1])
        self._skip -= skip
        total, weight = total[:, skip:], weight[skip:]
        self.samples += total.shape[1]
        return total / np.where(weight > _NO_WINDOW, weight, np.float32(1))


def overlap_add(frames: np.ndarray, hop: int) -> np.ndarray:
    """Sum overlapping frames.

    Args:
        frames: frames (C, N, n), N >= 1.
        hop: step between frames in samples.

    Returns:
        Sum (C, (N - 1) * hop + n), rounded up so that the last frame is a whole number of hops.

    >>> overlap_add(np.ones((1, 3, 4)), 2).tolist()
    [[1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]]
    """
    channels, count, size = frames.shape
    steps = -(-size // hop)
    total = np.zeros((channels, count + steps - 1, hop), frames.dtype)
    for k in range(steps):
        piece = frames[:, :, k * hop : (k + 1) * hop]
        total[:, k : k + count, : piece.shape[2]] += piece
    return total.reshape(channels, -1)


def _sides(n_fft: int, center: bool, pad: Pad | None) -> tuple[int, int]:
    if pad is None:
        pad = n_fft // 2 if center else 0
    left, right = (pad, pad) if isinstance(pad, int) else pad
    if left < 0 or not 0 <= right < n_fft:
        raise ParameterError(f"pad ({left}, {right}) does not fit frames of {n_fft} samples")
    return left, right


def _check(n_fft: int, hop: int) -> None:
    if n_fft < 2:
        raise ParameterError(f"n_fft {n_fft} is less than 2")
    if not 1 <= hop <= n_fft:
        raise ParameterError(f"hop {hop} is not in 1..n_fft ({n_fft})")


def frame_parameters(n_fft: int, hop: int, window: str, pad: Pad, pad_mode: str) -> None:
    """Check how a signal would be framed.

    Raises:
        ParameterError: hop is not in 1..n_fft, the pad does not fit, or a name is unknown.
    """
    _check(n_fft, hop)
    _check_mode(pad_mode)
    _sides(n_fft, False, pad)
    window_values(window, 2)


def _check_mode(pad_mode: str) -> None:
    if pad_mode not in PAD_MODES:
        raise ParameterError(f"unknown pad mode {pad_mode!r}", hint=f"pad modes: {', '.join(PAD_MODES)}")
