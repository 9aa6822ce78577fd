"""Mel filter bank, and the spectrum that a mel spectrogram came from.

Two scales are in use: Slaney's (linear below 1 kHz, logarithmic above) and HTK's formula.
"""

from __future__ import annotations

import weakref
from functools import cached_property, lru_cache

import numpy as np

from audiokit.dsp.spectrum.sparse import Rows, add_rows, dense, rows_of
from audiokit.errors import ParameterError

_LINEAR_HZ = 200.0 / 3
_CORNER_HZ = 1000.0
_CORNER_MEL = _CORNER_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27
# Frames that are solved at once: what is worked on stays in the cache.
_FRAMES = 256


def hz_to_mel(hz: np.ndarray | float, *, htk: bool = False) -> np.ndarray:
    """Convert frequencies in Hz to mels.

    >>> round(float(hz_to_mel(1000.0)), 6), round(float(hz_to_mel(1000.0, htk=True)), 1)
    (15.0, 1000.0)
    """
    hz = np.asarray(hz, np.float64)
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    above = _CORNER_MEL + np.log(np.maximum(hz, _CORNER_HZ) / _CORNER_HZ) / _LOG_STEP
    return np.where(hz < _CORNER_HZ, hz / _LINEAR_HZ, above)


def mel_to_hz(mel: np.ndarray | float, *, htk: bool = False) -> np.ndarray:
    """Convert mels to frequencies in Hz.

    >>> round(float(mel_to_hz(15.0)), 6)
    1000.0
    """
    mel = np.asarray(mel, np.float64)
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = _CORNER_HZ * np.exp(_LOG_STEP * np.maximum(mel - _CORNER_MEL, 0.0))
    return np.where(mel < _CORNER_MEL, mel * _LINEAR_HZ, above)


@lru_cache(maxsize=32)
def mel_filterbank(
    rate: int,
    n_fft: int,
    n_mels: int,
    fmin: float = 0.0,
    fmax: float | None = None,
    norm: str | None = "slaney",
    htk: bool = False,
) -> np.ndarray:
    """Build triangular filters, equal to `librosa.filters.mel`.

    Args:
        rate: sample rate in Hz.
        n_fft: frame length of the spectrum in samples.
        n_mels: number of filters.
        fmin: lowest frequency in Hz.
        fmax: highest frequency in Hz; half the rate unless given.
        norm: "slaney" (every filter has the same area) or None (every peak would be 1).
        htk: HTK's mel formula instead of Slaney's.

    Returns:
        Filters (n_mels, F), float32, read-only, F = n_fft // 2 + 1.

    Raises:
        ParameterError: the band is empty or reaches above half the rate.

    References:
        Slaney (1998), Auditory Toolbox; Young et al., The HTK Book, eq. 5.13.

    >>> mel_filterbank(22050, 1024, 80).shape
    (80, 513)
    """
    fmax = rate / 2 if fmax is None else fmax
    if n_mels < 1:
        raise ParameterError(f"n_mels {n_mels} is less than 1")
    if not 0 <= fmin < fmax <= rate / 2:
        raise ParameterError(
            f"mel band {fmin:g} to {fmax:g} Hz is not inside 0 to {rate / 2:g} Hz",
            hint="choose --fmin below --fmax, and --fmax at most half the rate",
        )
    if norm not in ("slaney", None):
        raise ParameterError(f"unknown mel norm {norm!r}", hint="norms: slaney, none")
    low, high = hz_to_mel(np.array([fmin, fmax]), htk=htk)
    edges = mel_to_hz(np.linspace(low, high, n_mels + 2), htk=htk)
    bins = np.arange(n_fft // 2 + 1) * (rate / n_fft)
    distance = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    rising = -distance[:-2] / widths[:-1]
    falling = distance[2:] / widths[1:]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    filters = filters.astype(np.float32)
    filters.flags.writeable = False
    return filters


def linear_to_mel(values: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Sum spectra into mel bands: `filters @ values`, without the zeros that nearly all of a filter bank is.

    Every band is summed bin after bin, from the lowest, of all frames side by side: what comes of a frame depends on
    nothing else, to the bit, and a fiftieth of the operations of the whole product are left.

    Args:
        values: spectrum (C, F, N), linear, float32.
        filters: filter bank (n_mels, F).

    Returns:
        Mel bands (C, n_mels, N), float32.

    >>> W = mel_filterbank(8000, 256, 20)
    >>> values = np.random.default_rng(0).random((2, 129, 5), np.float32)
    >>> bool(np.allclose(linear_to_mel(values, W), W @ values, rtol=1e-5))
    True
    """
    mel = np.zeros((len(values), len(filters), values.shape[2]), np.float32)
    weights = _bank(filters).down
    for spectrum, bands in zip(np.ascontiguousarray(values, np.float32), mel, strict=True):
        add_rows(weights, spectrum, bands)
    return mel


class _Bank:
    """A filter bank (n_mels, F) without its zeros."""

    def __init__(self, filters: np.ndarray) -> None:
        #: From bins to bands.
        self.down = rows_of(filters)

    @cached_property
    def up(self) -> Rows:
        """Its transpose, from bands to bins."""
        return rows_of(dense(self.down).T)

    @cached_property
    def apart(self) -> Rows:
        """The pseudo-inverse (n_mels, n_mels) of `down @ up`; `up @ apart` is that of the filters."""
        exact = dense(self.down).astype(np.float64)
        return rows_of(np.linalg.pinv(exact @ exact.T, hermitian=True))


_known_banks: dict[int, tuple[weakref.ref[np.ndarray], _Bank]] = {}


def _bank(filters: np.ndarray) -> _Bank:
    """The filters without their zeros; kept for filters that nobody can change."""
    known = _known_banks.get(id(filters))
    if known is not None and known[0]() is filters:
        return known[1]
    found = _Bank(filters)
    if not filters.flags.writeable:
        key = id(filters)
        _known_banks[key] = (weakref.ref(filters, lambda _: _known_banks.pop(key, None)), found)
    return found


def mel_to_linear(
    mel: np.ndarray, filters: np.ndarray, *, start: np.ndarray | None = None, iterations: int = 60
) -> np.ndarray:
    """Find a non-negative spectrum whose mel bands are the given ones.

    Multiplicative updates keep every bin non-negative and lower the squared error at each step; a bare
    pseudo-inverse gives negative bins, and cutting those off changes the bands. What comes of a frame depends on
    nothing else, to the bit.

    Args:
        mel: mel bands (C, n_mels, N), linear, non-negative.
        filters: filter bank (n_mels, F).
        start: first spectrum (C, F, N), for instance what a network says; a smooth one unless given.
        iterations: number of updates.

    Returns:
        Spectrum (C, F, N), float32. Bins that no filter sees are 0.

    References:
        Lee and Seung (2000), Algorithms for non-negative matrix factorization, eq. 4.

    >>> W = mel_filterbank(8000, 256, 20)
    >>> truth = np.ones((1, 129, 3), np.float32)
    >>> found = mel_to_linear(W @ truth, W)
    >>> bool(np.allclose(W @ found, W @ truth, rtol=1e-3))
    True
    """
    bank = _bank(filters)
    mel = np.ascontiguousarray(mel, np.float32)
    H = np.empty((len(mel), filters.shape[1], mel.shape[2]), np.float32)
    for c, bands in enumerate(mel):
        for k in range(0, mel.shape[2], _FRAMES):
            part = slice(k, k + _FRAMES)
            first = None if start is None else start[c, :, part]
            H[c, :, part] = _solved(np.ascontiguousarray(bands[:, part]), bank, first, iterations)
    return H


def _solved(mel: np.ndarray, bank: _Bank, start: np.ndarray | None, iterations: int) -> np.ndarray:
    """A spectrum (F, k) for a few frames of mel bands (n_mels, k).

    A bin lies in two filters at most: sums over bands and back again take a hundredth of the product of both.
    """
    back = _product(bank.up, mel)
    H = _product(bank.up, _product(bank.apart, mel)) if start is None else start
    # A bin at exactly 0 could never rise again.
    seen = np.diff(bank.up.starts)[:, None] > 0
    H = np.ascontiguousarray(np.maximum(H, 1e-6 * mel.max(axis=0, initial=0.0)) * seen, np.float32)
    found, ratio = np.empty_like(mel), np.empty_like(H)
    for _ in range(iterations):
        _product(bank.up, _product(bank.down, H, found), ratio)
        np.maximum(ratio, np.float32(1e-20), out=ratio)
        H *= np.divide(back, ratio, out=ratio)
    return H


def _product(rows: Rows, values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """A matrix (m, n) times values (n, k): in a new array, or in `out`."""
    if out is None:
        out = np.empty((rows.shape[0], values.shape[1]), np.float32)
    out.fill(0)
    add_rows(rows, values, out)
    return out
