"""Morph sounds by moving the peaks of their spectra: displacement interpolation instead of a cross-fade.

Every short-time spectrum is a row of lobes, one around each peak. Optimal transport pairs the lobes of one sound with
those of the other in the order of their frequency, and each pair travels to a frequency in between. A tone that morphs
into another tone is then one tone on its way, not two that fade.

References:
    Henderson and Solomon (2019), Audio transport: a generalized portamento via optimal transport.
    Laroche and Dolson (1999), New phase-vocoder techniques for pitch-shifting, harmonizing and other exotic effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from audiokit.dsp.effects.passing import Passing

_PADDING = 2
_SMOOTH_FRAMES = 2
#: Frames that overlap at any time, and hops on either side within which the level is measured.
_OVERLAP, _LEVEL_HOPS = 8, 4
#: Hops that are handed on together.
_HOPS_AT_ONCE = 256
#: A peak and its neighbours.
_AROUND = np.array([[-1], [0], [1]])


@dataclass(frozen=True)
class Lobes:
    """One spectrum cut at its valleys.

    Attributes:
        peak: bin of each peak (P,).
        position: the same between bins (P,).
        start, stop: bins of each lobe (P,).
        share: part of the spectrum's power in each lobe (P,), as smoothed over neighbouring frames.
    """

    peak: np.ndarray
    position: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    share: np.ndarray


def transport(a: np.ndarray, b: np.ndarray, rate: int, amount: np.ndarray) -> np.ndarray:
    """Morph two sounds of one length along time.

    Args:
        a, b: audio (C, T), float32.
        rate: Hz.
        amount: 0 (all a) to 1 (all b), for every sample (T,).

    Returns:
        Audio (C, T), float32. Where the amount has been 0 from the start, it is a.

    >>> t = np.arange(22_050) / 22_050
    >>> low, high = (np.sin(2 * np.pi * hz * t)[None].astype(np.float32) for hz in (220, 330))
    >>> y = transport(low, high, 22_050, np.full(22_050, 0.5))
    >>> round(float(np.abs(np.fft.rfft(y[0, 4000:-4000] * np.hanning(14_050), 220_500)).argmax()) / 10)
    270
    """
    made = transported(Passing([a], len(a)), Passing([b], len(b)), rate, amount.take, length=a.shape[1])
    return np.concatenate([a[:, :0], *made], axis=1, dtype=np.float32)


def transported(
    a: Passing, b: Passing, rate: int, amount: Callable[[np.ndarray], np.ndarray], *, length: int
) -> Iterator[np.ndarray]:
    """Morph two sounds that pass by.

    Args:
        a, b: the sounds, with C channels.
        rate: Hz.
        amount: gives 0 (all a) to 1 (all b) at samples (n,).
        length: of the result in samples, as long as the longer sound.

    Yields:
        Audio (C, n), float32, the same as `transport` gives of the whole.
    """
    size = 1 << max(6, round(np.log2(rate * 0.046)))
    yield from _levelled(_frame_by_frame(a, b, size, amount, length), amount, size // _OVERLAP, length)


def _frame_by_frame(
    a: Passing, b: Passing, size: int, amount: Callable[[np.ndarray], np.ndarray], length: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield hop after hop (C, hop) of the morph, and the energies of a and b there (2,)."""
    hop, half = size // _OVERLAP, size // 2
    window = np.sqrt(np.hanning(size + 1)[:-1])
    count = -(-length // hop) + _OVERLAP
    frames = _Frames(a, b, size, hop, window, count)
    state = _State(size, hop)
    weight = np.zeros(size, np.float32)
    out: np.ndarray | None = None
    for n in range(count - 1):  # the last begins behind the end: only those before it look at it
        middle = min(max(0, n * hop - half + hop), max(0, length - 1))
        spectrum = state.step(*frames.pair(n), float(amount(np.array([middle]))[0]))
        frame = np.fft.irfft(spectrum, _PADDING * size, axis=1)
        if out is None:
            out = np.zeros((len(frame), size), np.float32)
        out[:, :half] += frame[:, -half:] * window[:half]
        out[:, half:] += frame[:, :half] * window[half:]
        weight += window**2
        if n >= _OVERLAP - 1:  # what lies before is the run-up
            yield out[:, :hop] / np.maximum(weight[:hop], 1e-9), frames.energy(n)
        for sums in (out, weight):
            sums[..., :-hop] = sums[..., hop:]
            sums[..., -hop:] = 0


def _levelled(
    hops: Iterable[tuple[np.ndarray, np.ndarray]],
    amount: Callable[[np.ndarray], np.ndarray],
    hop: int,
    length: int,
) -> Iterator[np.ndarray]:
    """Bring the level between those of a and b by a slow gain: overlapping frames partly cancel."""
    waiting: list[np.ndarray] = []
    energies = [np.zeros(3)] * _LEVEL_HOPS
    first = 0
    for block, energy in hops:
        cut = block[:, : max(0, length - (first + len(waiting)) * hop)]
        waiting.append(cut)
        energies.append(np.append(energy, np.square(cut, dtype=np.float64).sum()))
        if len(waiting) == _HOPS_AT_ONCE + _LEVEL_HOPS:
            yield _gained(waiting[:_HOPS_AT_ONCE], energies, amount, first, hop, length)
            del waiting[:_HOPS_AT_ONCE], energies[:_HOPS_AT_ONCE]
            first += _HOPS_AT_ONCE
    if waiting:
        yield _gained(waiting, [*energies, *[np.zeros(3)] * _LEVEL_HOPS], amount, first, hop, length)


def _gained(
    made: list[np.ndarray],
    energies: list[np.ndarray],
    amount: Callable[[np.ndarray], np.ndarray],
    first: int,
    hop: int,
    length: int,
) -> np.ndarray:
    """Join hops from the first on (C, n), with the gain that their energies and those around them ask for."""
    y = np.concatenate(made, axis=1)
    edges = (first + np.arange(len(made) + 1)) * hop
    reach = _LEVEL_HOPS * hop
    around = np.lib.stride_tricks.sliding_window_view(np.array(energies), 2 * _LEVEL_HOPS, axis=0).sum(-1)
    counts = np.maximum(np.clip(edges + reach, 0, length) - np.clip(edges - reach, 0, length), 1)
    a, b, is_now = np.sqrt(around.T / counts)
    middle = np.clip(edges, 0, max(0, length - 1))
    x = amount(middle)
    gain = np.where(is_now > 1e-7, np.clip(((1 - x) * a + x * b) / np.maximum(is_now, 1e-9), 0.5, 2.0), 1.0)
    gain[np.abs(gain - 1) < 1e-4] = 1.0
    y *= np.interp(np.arange(edges[0], edges[0] + y.shape[1]), middle, gain)
    return y


class _Frames:
    """Zero-phase spectra of both sounds, frame by frame, with the power around each frame."""

    def __init__(self, a: Passing, b: Passing, size: int, hop: int, window: np.ndarray, count: int) -> None:
        self._sounds = a, b
        self._size, self._hop, self._window, self._count = size, hop, window, count
        self._held: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def pair(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Spectra (C, F) of both and their smoothed powers (F,)."""
        first, last = max(0, n - _SMOOTH_FRAMES), min(self._count - 1, n + _SMOOTH_FRAMES)
        for passed in [m for m in self._held if m < first]:
            del self._held[passed]
        for m in range(first, last + 1):
            if m not in self._held:
                spectra, energy = self._spectra(m)
                self._held[m] = spectra, (spectra.real**2 + spectra.imag**2).sum(axis=1), energy
        power_a, power_b = np.mean([self._held[m][1] for m in range(first, last + 1)], axis=0)
        a, b = self._held[n][0]
        return a, b, power_a, power_b

    def energy(self, n: int) -> np.ndarray:
        """Energies (2,) of both in the first hop of the frame whose spectra were asked for last."""
        return self._held[n][2]

    def _spectra(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Both spectra of a frame (2, C, F), its middle at time zero, and the energies (2,) of its first hop."""
        start, half = (n + 1) * self._hop - self._size, self._size // 2
        piece = np.stack([sound.take(start, start + self._size) for sound in self._sounds])
        energy = np.square(piece[..., : self._hop], dtype=np.float64).sum(axis=(1, 2))
        piece = piece * self._window
        turned = np.zeros((*piece.shape[:2], _PADDING * self._size))
        turned[..., :half], turned[..., -half:] = piece[..., half:], piece[..., :half]
        return np.fft.rfft(turned), energy


class _State:
    """What one frame hands to the next: the phases that have been reached."""

    def __init__(self, size: int, hop: int) -> None:
        self._turn = 2 * np.pi * hop / (_PADDING * size)  # phase advance per bin and frame
        self._last: tuple[np.ndarray, ...] | None = None
        self._untouched = True

    def step(self, a: np.ndarray, b: np.ndarray, power_a: np.ndarray, power_b: np.ndarray, amount: float) -> np.ndarray:
        """Make the spectrum (C, F) between two."""
        middles = a.sum(axis=0), b.sum(axis=0)
        self._untouched &= amount == 0
        if self._untouched:
            self._last = (middles[0], *middles)
            return a
        lobes = cut_lobes(np.abs(middles[0]), power_a), cut_lobes(np.abs(middles[1]), power_b)
        loud = [_norm(s) for s in (a, b)]
        if min(loud) < 0.01 * max(loud) or min(loud) < 1e-6 or not (len(lobes[0].peak) and len(lobes[1].peak)):
            made = (1 - amount) * a + amount * b  # nothing to travel to: fade
        else:
            made = self._travel(a, b, middles, lobes, amount)
            wanted = (1 - amount) * loud[0] + amount * loud[1]
            is_now = _norm(made)
            made *= min(4.0, wanted / is_now) if is_now > 0 else 1.0
        self._last = (made.sum(axis=0), *middles)
        return made

    def _travel(self, a, b, middles, lobes, amount: float) -> np.ndarray:
        i, j, part = pair_lobes(lobes[0].share, lobes[1].share)
        first, second = lobes[0].position[i], lobes[1].position[j]
        place = np.exp((1 - amount) * np.log(np.maximum(first, 0.5)) + amount * np.log(np.maximum(second, 0.5)))
        if amount in (0.0, 1.0):
            place = second if amount else first
        portions = part / lobes[0].share[i], part / lobes[1].share[j]
        peaks = lobes[0].peak[i], lobes[1].peak[j]
        heights = (
            (1 - amount) * portions[0] * np.abs(middles[0][peaks[0]]),
            amount * portions[1] * np.abs(middles[1][peaks[1]]),
        )
        phase = self._phase(middles, peaks, (first, second), heights, place)
        made = np.zeros_like(a)
        for k, (spectrum, own) in enumerate(((a, first), (b, second))):
            level = (amount if k else 1 - amount) * portions[k]
            if not level.any():
                continue
            turned = level * np.exp(1j * (phase - np.angle(middles[k][peaks[k]])))
            index = j if k else i
            made += _placed(spectrum, lobes[k].start[index], lobes[k].stop[index], place - own, turned)
        return made

    def _phase(self, middles, peaks, positions, heights, place: np.ndarray) -> np.ndarray:
        """Continue the phase that is there, as the stronger source of each lobe goes on; start anew at an attack."""
        lead = heights[1] > heights[0]
        source = np.where(lead, np.angle(middles[1][peaks[1]]), np.angle(middles[0][peaks[0]]))
        if self._last is None:
            return source
        made, last_a, last_b = self._last
        before = np.where(lead, np.angle(last_b[peaks[1]]), np.angle(last_a[peaks[0]]))
        own = np.where(lead, positions[1], positions[0])
        at = np.minimum(np.maximum(np.rint(place).astype(int), 0), len(made) - 1)
        going_on = np.angle(made[at]) + source - before + self._turn * (place - own)
        now = [_norm(m) for m in middles]
        risen = [now[k] > 2.5 * _norm(last) for k, last in enumerate((last_a, last_b))]
        silent = np.abs(made[at]) < 0.02 * np.maximum(heights[0], heights[1])
        anew = silent | np.where(lead, risen[1], risen[0])
        return np.where(anew, source, going_on)


def _norm(spectrum: np.ndarray) -> float:
    return float(np.sqrt(np.vdot(spectrum, spectrum).real))


def cut_lobes(magnitude: np.ndarray, power: np.ndarray) -> Lobes:
    """Cut a spectrum (F,) at its valleys; weigh its lobes by a smoothed power (F,).

    >>> lobes = cut_lobes(np.array([0.0, 1, 0, 2, 3, 1, 0]), np.ones(7))
    >>> lobes.peak.tolist(), lobes.start.tolist(), lobes.stop.tolist()
    ([1, 4], [0, 2], [2, 7])
    """
    inner = magnitude[1:-1]
    rises, falls = inner > magnitude[:-2], inner >= magnitude[2:]
    peak = (rises & falls & (inner > magnitude.max() * 1e-4)).nonzero()[0] + 1
    if not len(peak):
        return Lobes(peak, peak * 1.0, peak, peak, peak * 1.0)
    dips = ((inner < magnitude[:-2]) & (inner <= magnitude[2:])).nonzero()[0] + 1
    after = dips.searchsorted(peak)
    kept = np.ones(len(peak), bool)
    np.greater(after[1:], after[:-1], out=kept[:-1])  # with no dip between two, the first is a step on the way up
    peak, valley = peak[kept], dips[after[kept][:-1]]
    edges = np.empty(len(valley) + 2, valley.dtype)
    edges[0], edges[1:-1], edges[-1] = 0, valley, len(magnitude)
    start, stop = edges[:-1], edges[1:]
    total = np.zeros(len(power) + 1)
    power.cumsum(out=total[1:])
    share = np.maximum(total[stop] - total[start], total[-1] * 1e-12 + 1e-30)
    left, top, right = np.log(np.maximum(magnitude[peak + _AROUND], 1e-12))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-12), 0.0)
    return Lobes(peak, peak + np.minimum(np.maximum(shift, -0.5), 0.5), start, stop, share / share.sum())


def pair_lobes(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair shares (P,), (Q,) in order, splitting where needed: (i, j, part of the whole) of each pair.

    >>> i, j, part = pair_lobes(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    >>> i.tolist(), j.tolist(), part.tolist()
    ([0, 0, 1], [0, 1, 1], [0.25, 0.25, 0.5])
    """
    ends_a, ends_b = a.cumsum(), b.cumsum()
    ends_a[-1] = ends_b[-1] = 1.0
    edges = np.concatenate([[0.0], ends_a, ends_b])
    edges.sort()  # what is there twice has no length
    part = edges[1:] - edges[:-1]
    kept = part > 1e-7
    part, middle = part[kept], (edges[:-1] + part / 2)[kept]
    i, j = (np.minimum(ends.searchsorted(middle), len(ends) - 1) for ends in (ends_a, ends_b))
    return i, j, part


def _placed(
    spectrum: np.ndarray, start: np.ndarray, stop: np.ndarray, shift: np.ndarray, factor: np.ndarray
) -> np.ndarray:
    """Copy lobes [start, stop) of a spectrum (C, F) to where `shift` (in bins, any fraction) takes them, and add up.

    Between bins it is read by cubic convolution (Keys), whose four weights are the same for all bins of a lobe. Most
    of a morph's time is spent here: hence float32, and planes of real and of imaginary parts.
    """
    first = np.floor(shift).astype(int)
    t = (1 - (shift - first)).astype(np.float32)
    taps = ((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2
    channels, size = spectrum.shape
    # All lobes in a row with two empty bins before each, so that no weight reaches another's. What a lobe has is
    # repeated for each of its bins, all at once: most of what such little things take is being called.
    width = stop - start + 2
    ends = width.cumsum()
    begins, count = ends - width, int(ends[-1])
    moved, ahead = np.array((start - 2 - begins, first + 2)).repeat(width, axis=1)
    *weights, real, imaginary = np.array((*taps, factor.real, factor.imag), np.float32).repeat(width, axis=1)
    source = np.arange(count) + moved
    target = source + ahead
    target[ends - 1] = -1  # two bins beyond the lobe: for nobody
    target = np.minimum(np.maximum(target, -1), size) + 1
    source[begins] = source[begins + 1] = size
    planes = np.zeros((2 * channels, size + 1), np.float32)
    planes[:channels, :size], planes[channels:, :size] = spectrum.real, spectrum.imag
    held = np.zeros((2 * channels, count + 3), np.float32)
    planes.take(source, axis=1, out=held[:, :count], mode="clip")
    value = weights[0] * held[:, :count]
    for k in (1, 2, 3):
        value += weights[k] * held[:, k : count + k]
    out = np.empty_like(spectrum)
    for made, x, y in zip(out, value[:channels], value[channels:], strict=True):
        made.real = np.bincount(target, x * real - y * imaginary, size + 2)[1:-1]
        made.imag = np.bincount(target, x * imaginary + y * real, size + 2)[1:-1]
    return out
