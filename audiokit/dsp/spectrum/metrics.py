"""How far one sound is from another, and what is wrong with a sound by itself.

Everything here is our own numpy; measures that only their authors' code defines (PESQ, STOI, BSS Eval, mir_eval) are
called in `audiokit.stages.score.compare`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.samples import Samples, blocks_of
from audiokit.dsp.spectrum.stft import StftStream, stft
from audiokit.errors import InputError, ParameterError

_FLOOR = 1e-10
#: Samples taken at once where a whole file would need several times its own memory.
_BLOCK = 1 << 20
_RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512))


def check_pair(reference: Samples, estimate: Samples) -> None:
    """Refuse what cannot be compared sample by sample.

    Raises:
        InputError: the shapes differ or there is nothing to compare.
    """
    if reference.shape != estimate.shape:
        raise InputError(f"shapes {reference.shape} and {estimate.shape} cannot be compared sample by sample")
    if not all(reference.shape):
        raise InputError("there is no audio to compare")


def si_sdr(reference: Samples, estimate: Samples) -> float:
    """Measure the scale-invariant signal-to-distortion ratio over all channels together, in dB.

    Args:
        reference, estimate: audio (C, T).

    Returns:
        dB: 200 (its ceiling) for a scaled copy, nan where one of the two is silent.

    References:
        Le Roux et al. (2019), SDR - half-baked or well done?, equation 4.

    >>> x = np.sin(np.arange(1000.0))[None]
    >>> round(si_sdr(x, 0.5 * x + 0.05 * np.cos(np.arange(1000.0))), 1)
    20.0
    """
    check_pair(reference, estimate)
    energy = _sum(lambda s, _: s * s, reference, estimate)
    if energy == 0:
        return math.nan
    scale = _sum(lambda s, e: s * e, reference, estimate) / energy
    return _ratio_db(scale**2 * energy, _sum(lambda s, e: (e - scale * s) ** 2, reference, estimate))


def sdr(reference: Samples, estimate: Samples) -> float:
    """Measure the plain signal-to-distortion ratio, level counted, over all channels together, in dB (at most 200).

    >>> sdr(np.ones((1, 4)), np.full((1, 4), 0.9))
    20.0...
    """
    check_pair(reference, estimate)
    return _ratio_db(
        _sum(lambda s, _: s * s, reference, estimate), _sum(lambda s, e: (s - e) ** 2, reference, estimate)
    )


def _sum(product: Callable[[np.ndarray, np.ndarray], np.ndarray], a: Samples, b: Samples) -> float:
    """Add up a product of two sounds in double precision, a million samples at a time."""
    pairs = zip(blocks_of(a, _BLOCK), blocks_of(b, _BLOCK), strict=True)
    return sum(float(product(x.astype(np.float64), y.astype(np.float64)).sum()) for x, y in pairs)


def log_spectral_distance(reference: Samples, estimate: Samples) -> float:
    """Measure how far the log power spectra lie apart, in dB: 0 for equal sounds.

    Root mean square over bins, mean over frames and channels; frames of 2048, step 512, floor 80 dB under the
    reference's strongest bin, so that what nobody hears does not count.

    References:
        Gray and Markel (1976), Distance measures for speech processing.
    """
    check_pair(reference, estimate)
    loudest = max(float(a.max(initial=0.0)) for (a,) in _spectra(reference))
    floor = max(loudest**2 * 1e-8, _FLOOR)
    total, count = 0.0, 0
    for a, b in _spectra(reference, estimate):
        difference = 10 * np.log10(np.maximum(a**2, floor) / np.maximum(b**2, floor))
        rows = np.sqrt((difference**2).mean(axis=1))
        total, count = total + float(rows.sum(dtype=np.float64)), count + rows.size
    return total / count


def _spectra(
    *sounds: Samples, n_fft: int = 2048, hop: int = 512, mono: bool = False
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield magnitudes (C, F, k) of all, some hundred frames at a time: an hour of sound needs no hour of spectra."""
    streams = [StftStream(channels=1 if mono else y.shape[0], n_fft=n_fft, hop=hop) for y in sounds]
    for blocks in zip(*(blocks_of(y, 256 * hop) for y in sounds), strict=True):
        heard = (y.mean(axis=0, keepdims=True) for y in blocks) if mono else blocks
        yield tuple(np.abs(stream.push(y)) for stream, y in zip(streams, heard, strict=True))
    yield tuple(np.abs(stream.finish()) for stream in streams)


def multi_resolution_distance(reference: Samples, estimate: Samples) -> float:
    """Measure spectral convergence plus log magnitude distance, mean over three resolutions: 0 for equal sounds.

    References:
        Yamamoto, Song and Kim (2020), Parallel WaveGAN, equations 4 to 6.
    """
    check_pair(reference, estimate)
    total = 0.0
    for n_fft, hop in _RESOLUTIONS:
        norm = apart = logs = 0.0
        count = 0
        for a, b in _spectra(reference, estimate, n_fft=n_fft, hop=hop):
            norm += float((a.astype(np.float64) ** 2).sum())
            apart += float(((a - b).astype(np.float64) ** 2).sum())
            ratio = np.abs(np.log(np.maximum(a, 1e-5) / np.maximum(b, 1e-5)))
            logs, count = logs + float(ratio.sum(dtype=np.float64)), count + ratio.size
        total += math.sqrt(apart / norm) if norm else float(apart > 0)
        total += logs / count
    return total / len(_RESOLUTIONS)


def mel_cepstral_distortion(reference: Samples, estimate: Samples, rate: int) -> float:
    """Measure the mel-cepstral distortion in dB, without warping time: 0 for equal sounds.

    Coefficients 1 to 13 of the cosine transform of 40 log mel bands (frames of 2048, step 512), channels averaged;
    coefficient 0, the level, does not count.

    References:
        Kubichek (1993), Mel-cepstral distance measure for objective speech quality assessment.
    """
    check_pair(reference, estimate)
    filters = mel_filterbank(rate, 2048, n_mels=40)
    basis = np.cos(np.pi / 40 * np.outer(np.arange(1, 14), np.arange(40) + 0.5)) * math.sqrt(2 / 40)
    total, count = 0.0, 0
    for pair in _spectra(reference, estimate, mono=True):
        a, b = (basis @ np.log(np.maximum(filters @ magnitude[0], 1e-5)) for magnitude in pair)
        total += float(np.sqrt(2 * ((a - b) ** 2).sum(axis=0)).sum())
        count += a.shape[1]
    return 10 / math.log(10) * total / count


def _log_mel(y: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Log (natural) mel magnitudes of the channels' average (bands, N)."""
    magnitude = np.abs(stft(y.mean(axis=0, keepdims=True)))[0]
    return np.log(np.maximum(mel_filterbank(rate, 2048, n_mels=bands) @ magnitude, 1e-5))


def find_lag(reference: Samples, estimate: Samples, rate: int, *, reach_s: float = 1.0) -> tuple[float, float]:
    """Find by how much an estimate is late and louder: (seconds, dB).

    The peak of the cross-correlation within `reach_s` either way, refined between samples by a parabola; the gain is
    the least-squares one at that lag. Lengths may differ.

    Returns:
        (lag in seconds, positive when the estimate is late; gain in dB); (nan, nan) if one is silent.

    >>> x = np.random.default_rng(0).standard_normal((1, 8000))
    >>> lag, gain = find_lag(x, 0.5 * np.roll(x, 40), 8000)
    >>> round(lag * 1000, 2), round(gain, 1)
    (5.0, -6.0)
    """
    if not all(any(block.any() for block in _averages(y)) for y in (reference, estimate)):
        return math.nan, math.nan
    lengths = reference.shape[1], estimate.shape[1]
    reach = max(1, min(round(reach_s * rate), max(lengths) - 1))
    near = _correlation(reference, estimate, reach + 1)
    at = int(np.argmax(np.abs(near[1:-1]))) + 1
    left, middle, right = np.abs(near[at - 1 : at + 2])
    bend = left - 2 * middle + right
    fraction = 0.5 * (left - right) / bend if bend else 0.0
    lag = at - reach - 1
    overlap = _averages(reference, max(0, -lag), min(lengths[0], lengths[1] - lag))
    energy = sum(float((block.astype(np.float64) ** 2).sum()) for block in overlap)
    gain = float(np.abs(near[at])) / energy if energy else math.nan
    return float(lag + fraction) / rate, 20 * math.log10(gain) if gain > 0 else math.nan


def _averages(y: Samples, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
    """The channels' average (n,), float32, of a million samples at a time."""
    end = y.shape[1] if stop is None else stop
    for first in range(start, end, _BLOCK):
        yield y[:, first : min(end, first + _BLOCK)].mean(axis=0, dtype=np.float32)


def _correlation(a: Samples, b: Samples, reach: int) -> np.ndarray:
    """Correlate the channels' averages, b with a, at lags -reach to reach: (2 reach + 1,), a sum over blocks of a."""
    block = max(_BLOCK // 4, 2 * reach)
    size = 1 << (block + 2 * reach).bit_length()
    total = np.zeros(2 * reach + 1)
    for start in range(0, a.shape[1], block):
        parts = a[:, start : start + block], b[:, max(0, start - reach) : start + block + reach]
        piece, around = (part.mean(axis=0, dtype=np.float32).astype(np.float64) for part in parts)
        around = np.pad(around, (max(0, reach - start), 0))  # begins `reach` before the piece
        product = np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size))
        total += np.fft.irfft(product, size)[: 2 * reach + 1]
    return total


def self_checks(y: Samples, rate: int) -> dict[str, float]:
    """Look for faults in a sound by itself.

    Returns:
        clipped: share of samples in runs of three or more at the same full level;
        dc: largest mean of a channel;
        silent: share of 50 ms frames under -60 dBFS;
        clicks_per_min: single samples that jump out of their surroundings;
        bandwidth_hz: up to where there is more than 60 dB under the strongest third of an octave.

    >>> found = self_checks(np.clip(2 * np.sin(np.arange(8000) * 0.05), -1, 1)[None], 8000)
    >>> found["clipped"] > 0.5, found["silent"]
    (True, 0.0)
    """
    if not y.shape[1]:
        return {"clipped": 0.0, "dc": 0.0, "silent": 1.0, "clicks_per_min": 0.0, "bandwidth_hz": 0.0}
    sums = sum(block.sum(axis=1, dtype=np.float64) for block in blocks_of(y, _BLOCK))
    return {
        "clipped": _clipped(y),
        "dc": float(np.abs(sums).max()) / y.shape[1],
        "silent": float((_frame_levels(y, max(1, rate // 20)) < 1e-3).mean()),
        "clicks_per_min": _clicks(y, rate) / (y.shape[1] / rate / 60),
        "bandwidth_hz": _bandwidth(y, rate),
    }


def _frame_levels(y: Samples, frame: int) -> np.ndarray:
    """Level of every frame over all channels, the last one filled up with silence; a few thousand frames at a time."""
    levels = []
    for block in blocks_of(y, frame * 512):
        part = block.astype(np.float64)
        part = np.pad(part, ((0, 0), (0, -part.shape[1] % frame))).reshape(len(part), -1, frame)
        levels.append(np.sqrt((part**2).mean(axis=(0, 2))))
    return np.concatenate(levels)


def _clipped(y: Samples) -> float:
    """Share of samples, the mean of all channels, that lie in runs of three or more at the top of their channel."""
    tops = np.max([np.abs(block).max(axis=1, keepdims=True) for block in blocks_of(y, _BLOCK)], axis=0)
    length, counts = y.shape[1], np.zeros(y.shape[0], int)
    for start in range(0, length, _BLOCK):
        # Two more on each side: a run may lie across an edge.
        level = np.abs(y[:, max(0, start - 2) : start + _BLOCK + 2])
        at_top = (level >= tops * 0.9999) & (tops > 0.1)
        inside = at_top[:, :-2] & at_top[:, 1:-1] & at_top[:, 2:]
        run = np.zeros(level.shape, bool)
        for k in range(3):
            run[:, k : k + inside.shape[1]] |= inside
        first = min(2, start)
        counts += run[:, first : first + min(_BLOCK, length - start)].sum(axis=1)
    return float((counts / length).mean())


def _clicks(y: Samples, rate: int) -> int:
    """Count places that bend 4 times as sharply as anything else within 60 ms; pulses of a voice have neighbours."""
    near, own = max(8, round(0.06 * rate)), max(4, round(0.002 * rate))
    step, length, count = near * 512, y.shape[1] - 2, 0
    for start in range(0, length, step):
        begin = max(0, start - near)
        bend = np.abs(np.diff(y[:, begin : start + step + near + 2].mean(axis=0).astype(np.float64), 2))
        bend = bend.astype(np.float32)
        part = bend[start - begin : start - begin + step]
        blocks = np.pad(part, (0, -len(part) % near)).reshape(-1, near)
        at = np.flatnonzero(blocks.max(axis=1) > np.maximum(8 * np.median(blocks, axis=1), 1e-3))
        for place in start - begin + at * near + blocks[at].argmax(axis=1):
            left, right = bend[max(0, place - near) : max(0, place - own)], bend[place + own : place + near]
            count += bool(bend[place] > 4 * max(left.max(initial=0.0), right.max(initial=0.0)))
    return count


def _bandwidth(y: Samples, rate: int) -> float:
    # Frames that reach over an end see an edge, which has all frequencies.
    stream = StftStream(channels=y.shape[0], center=y.shape[1] < 4096)
    power, count = np.zeros(1025), 0
    for start in range(0, y.shape[1] + 1, _BLOCK):
        last = start + _BLOCK > y.shape[1]
        for S in (stream.push(y[:, start : start + _BLOCK]), *([stream.finish()] if last else [])):
            power += (np.abs(S) ** 2).sum(axis=(0, 2), dtype=np.float64)
            count += S.shape[0] * S.shape[2]
    power /= max(1, count)
    if not power.any():
        return 0.0
    hz = np.arange(len(power)) * rate / 2048
    smooth = np.convolve(power, np.ones(5) / 5, mode="same")
    heard = np.flatnonzero(smooth > smooth.max() * 1e-6)
    return float(hz[heard[-1]])


#: What `frechet_distance` compares; reports name it, for other embeddings give other numbers.
EMBEDDING = "mean and deviation of 32 log mel bands over 1 s"


def embed(y: Samples, rate: int) -> np.ndarray:
    """Describe every second of a sound by its timbre: (n, 64), see `EMBEDDING`; shorter sounds give one row.

    >>> embed(np.ones((1, 3 * 22_050), np.float32), 22_050).shape
    (3, 64)
    """
    size = max(1, y.shape[1] // rate)
    rows = []
    for start in range(0, size * rate, rate):
        mel = _log_mel(y[:, start : start + rate], rate, 32)
        rows.append(np.concatenate([mel.mean(axis=1), mel.std(axis=1)]))
    return np.stack(rows)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Measure how far two sets of embeddings (n, D), (m, D) lie apart as Gaussians: 0 for equal sets.

    Raises:
        ParameterError: a set has fewer than two rows.

    References:
        Dowson and Landau (1982), The Frechet distance between multivariate normal distributions; Kilgour et al.
        (2019), Frechet audio distance.

    >>> x = np.random.default_rng(0).standard_normal((500, 3))
    >>> round(frechet_distance(x, x), 6), round(frechet_distance(x, x + [2, 0, 0]), 6)
    (0.0, 4.0)
    """
    if min(len(a), len(b)) < 2:
        raise ParameterError("a Frechet distance needs at least two seconds of sound on each side")
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    apart = float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum())
    return max(0.0, apart + float(np.trace(first) + np.trace(second) - 2 * shared))


def mean_of(values: Iterable[float | None]) -> float | None:
    """Average what there is; None if there is nothing.

    >>> mean_of([1.0, None, 3.0]), mean_of([None])
    (2.0, None)
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None


def _ratio_db(signal: float, error: float) -> float:
    if not signal:
        return math.nan
    return 10 * math.log10(signal / max(error, signal * 1e-20))
