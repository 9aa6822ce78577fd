"""How far one sound is from another, and what is wrong with a sound by itself.

Everything here is our own numpy; measures that only their authors' code defines (PESQ, STOI, BSS Eval, mir_eval) are
called in `audiokit.scoring`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from audiokit.dsp.mel import mel_filterbank
from audiokit.dsp.stft import stft
from audiokit.errors import InputError, ParameterError

_FLOOR = 1e-10
_RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512))


def check_pair(reference: np.ndarray, estimate: np.ndarray) -> None:
    """Refuse what cannot be compared sample by sample.

    Raises:
        InputError: the shapes differ or there is nothing to compare.
    """
    if reference.shape != estimate.shape:
        raise InputError(f"shapes {reference.shape} and {estimate.shape} cannot be compared sample by sample")
    if not reference.size:
        raise InputError("there is no audio to compare")


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
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
    s, e = reference.astype(np.float64).ravel(), estimate.astype(np.float64).ravel()
    energy = float(s @ s)
    if energy == 0:
        return math.nan
    target = (e @ s / energy) * s
    return _ratio_db(float(target @ target), float(((e - target) ** 2).sum()))


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Measure the plain signal-to-distortion ratio, level counted, over all channels together, in dB (at most 200).

    >>> sdr(np.ones((1, 4)), np.full((1, 4), 0.9))
    20.0...
    """
    check_pair(reference, estimate)
    s, e = reference.astype(np.float64), estimate.astype(np.float64)
    return _ratio_db(float((s**2).sum()), float(((s - e) ** 2).sum()))


def log_spectral_distance(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Measure how far the log power spectra lie apart, in dB: 0 for equal sounds.

    Root mean square over bins, mean over frames and channels; frames of 2048, step 512, floor 80 dB under the
    reference's strongest bin, so that what nobody hears does not count.

    References:
        Gray and Markel (1976), Distance measures for speech processing.
    """
    check_pair(reference, estimate)
    a, b = np.abs(stft(reference)) ** 2, np.abs(stft(estimate)) ** 2
    floor = max(float(a.max()) * 1e-8, _FLOOR)
    difference = 10 * np.log10(np.maximum(a, floor) / np.maximum(b, floor))
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def multi_resolution_distance(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Measure spectral convergence plus log magnitude distance, mean over three resolutions: 0 for equal sounds.

    References:
        Yamamoto, Song and Kim (2020), Parallel WaveGAN, equations 4 to 6.
    """
    check_pair(reference, estimate)
    total = 0.0
    for n_fft, hop in _RESOLUTIONS:
        a, b = (np.abs(stft(y, n_fft=n_fft, hop=hop)) for y in (reference, estimate))
        norm = float(np.linalg.norm(a))
        total += float(np.linalg.norm(a - b)) / norm if norm else float(np.linalg.norm(b) > 0)
        total += float(np.abs(np.log(np.maximum(a, 1e-5) / np.maximum(b, 1e-5))).mean())
    return total / len(_RESOLUTIONS)


def mel_cepstral_distortion(reference: np.ndarray, estimate: np.ndarray, rate: int) -> float:
    """Measure the mel-cepstral distortion in dB, without warping time: 0 for equal sounds.

    Coefficients 1 to 13 of the cosine transform of 40 log mel bands (frames of 2048, step 512), channels averaged;
    coefficient 0, the level, does not count.

    References:
        Kubichek (1993), Mel-cepstral distance measure for objective speech quality assessment.
    """
    check_pair(reference, estimate)
    a, b = (_cepstra(y, rate) for y in (reference, estimate))
    return float(10 / math.log(10) * np.sqrt(2 * ((a - b) ** 2).sum(axis=0)).mean())


def _cepstra(y: np.ndarray, rate: int) -> np.ndarray:
    mel = _log_mel(y, rate, 40)
    bands = np.arange(40) + 0.5
    basis = np.cos(np.pi / 40 * np.outer(np.arange(1, 14), bands)) * math.sqrt(2 / 40)
    return basis @ mel


def _log_mel(y: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Log (natural) mel magnitudes of the channels' average (bands, N)."""
    magnitude = np.abs(stft(y.mean(axis=0, keepdims=True)))[0]
    return np.log(np.maximum(mel_filterbank(rate, 2048, n_mels=bands) @ magnitude, 1e-5))


def find_lag(reference: np.ndarray, estimate: np.ndarray, rate: int, *, reach_s: float = 1.0) -> tuple[float, float]:
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
    a, b = reference.mean(axis=0, dtype=np.float64), estimate.mean(axis=0, dtype=np.float64)
    if not a.any() or not b.any():
        return math.nan, math.nan
    size = 1 << (len(a) + len(b) - 1).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    reach = min(round(reach_s * rate), size // 2 - 2)
    near = np.concatenate([correlation[-reach - 1 :], correlation[: reach + 2]])
    at = int(np.argmax(np.abs(near[1:-1]))) + 1
    left, middle, right = np.abs(near[at - 1 : at + 2])
    bend = left - 2 * middle + right
    fraction = 0.5 * (left - right) / bend if bend else 0.0
    lag = at - reach - 1
    overlap = a[max(0, -lag) : max(0, len(b) - lag)]
    energy = float((overlap**2).sum())
    gain = float(np.abs(near[at])) / energy if energy else math.nan
    return float(lag + fraction) / rate, 20 * math.log10(gain) if gain > 0 else math.nan


def self_checks(y: np.ndarray, rate: int) -> dict[str, float]:
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
    frame = max(1, rate // 20)
    padded = np.pad(y, ((0, 0), (0, -y.shape[1] % frame)))
    levels = np.sqrt((padded.reshape(y.shape[0], -1, frame).astype(np.float64) ** 2).mean(axis=(0, 2)))
    return {
        "clipped": _clipped(y),
        "dc": float(np.abs(y.mean(axis=1, dtype=np.float64)).max()),
        "silent": float((levels < 1e-3).mean()),
        "clicks_per_min": _clicks(y.mean(axis=0), rate) / (y.shape[1] / rate / 60),
        "bandwidth_hz": _bandwidth(y, rate),
    }


def _clipped(y: np.ndarray) -> float:
    level = np.abs(y)
    top = level.max(axis=1, keepdims=True)
    at_top = (level >= top * 0.9999) & (top > 0.1)
    inside = at_top[:, :-2] & at_top[:, 1:-1] & at_top[:, 2:]
    run = np.zeros(y.shape, bool)
    for k in range(3):
        run[:, k : k + inside.shape[1]] |= inside
    return float(run.mean())


def _clicks(x: np.ndarray, rate: int) -> int:
    """Count places that bend 4 times as sharply as anything else within 60 ms; pulses of a voice have neighbours."""
    bend = np.abs(np.diff(x.astype(np.float64), 2))
    near, own = max(8, round(0.06 * rate)), max(4, round(0.002 * rate))
    blocks = np.pad(bend, (0, -len(bend) % near)).reshape(-1, near)
    at = np.flatnonzero(blocks.max(axis=1) > np.maximum(8 * np.median(blocks, axis=1), 1e-3))
    count = 0
    for place in at * near + blocks[at].argmax(axis=1):
        left, right = bend[max(0, place - near) : max(0, place - own)], bend[place + own : place + near]
        count += bool(bend[place] > 4 * max(left.max(initial=0.0), right.max(initial=0.0)))
    return count


def _bandwidth(y: np.ndarray, rate: int) -> float:
    # Frames that reach over an end see an edge, which has all frequencies.
    power = (np.abs(stft(y, center=y.shape[1] < 4096)) ** 2).mean(axis=(0, 2), dtype=np.float64)
    if not power.any():
        return 0.0
    hz = np.arange(len(power)) * rate / 2048
    smooth = np.convolve(power, np.ones(5) / 5, mode="same")
    heard = np.flatnonzero(smooth > smooth.max() * 1e-6)
    return float(hz[heard[-1]])


#: What `frechet_distance` compares; reports name it, for other embeddings give other numbers.
EMBEDDING = "mean and deviation of 32 log mel bands over 1 s"


def embed(y: np.ndarray, rate: int) -> np.ndarray:
    """Describe every second of a sound by its timbre: (n, 64), see `EMBEDDING`; shorter sounds give one row.

    >>> embed(np.ones((1, 3 * 22_050), np.float32), 22_050).shape
    (3, 64)
    """
    size = max(1, y.shape[1] // rate)
    rows = []
    for piece in np.array_split(y[:, : size * rate] if y.shape[1] >= rate else y, size, axis=1):
        mel = _log_mel(piece, rate, 32)
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
