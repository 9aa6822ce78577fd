"""What a recording repeats sample by sample: loops, drum machines and copied bars, phase and all.

Music that is put together from recordings brings the same samples back. At the lags at which a mix is most like itself
the spectra of a moment and of its return differ by what is new, a voice above all, while magnitudes alone cannot tell
two sounds that happen to be equally loud. Where nothing comes back, all of it is new.

References:
    Rafii and Pardo (2013), REpeating Pattern Extraction Technique (the period from an autocorrelation; of magnitudes).
"""

from __future__ import annotations

from itertools import product

import numpy as np

from audiokit.dsp.spectrum.fft import irfft, rfft
from audiokit.dsp.spectrum.stft import istft, stft

#: Lags that are looked at, each both ways.
LAGS = 3
# Least likeness of a mix to itself at a lag, of 1; below, chance.
_FLOOR = 0.08
_SHORTEST_S, _APART_S, _SHARED_S = 0.5, 0.05, 1.5
# Power that counts as none: silence never comes back.
_SILENT = np.float32(1e-20)


def new_masks(X: np.ndarray, *, rate: int, hop: int) -> np.ndarray:
    """Tell what is new from what comes back.

    Args:
        X: spectra (B, 2, F, N), complex, of one stretch of music.
        rate: Hz.
        hop: of the spectra, in samples.

    Returns:
        Masks (B, 2, 2, F, N): by how much a bin differs from the return that is most like it; the rest.

    >>> y = np.tile(np.random.default_rng(0).standard_normal((1, 2, 6000)).astype(np.float32), (1, 1, 4))
    >>> S = stft(y[0], n_fft=512, hop=128)[None]
    >>> bool(new_masks(S, rate=8000, hop=128)[0, 0, :, 5:-5, 8:-8].max() < 0.01)
    True
    """
    new = np.stack([_new(pair, rate, hop) for pair in X])
    return np.stack([new, 1 - new], axis=1)


def return_lags(y: np.ndarray, rate: int, *, count: int = LAGS) -> list[int]:
    """Find the lags at which audio (C, T) is most like itself, best first, in samples; none where it never is.

    The likeness is of spectra that are half flattened, so that a bass does not outweigh all else and peaks are sharp.

    >>> y = np.tile(np.random.default_rng(1).standard_normal((1, 9000)).astype(np.float32), (1, 3))
    >>> return_lags(y, 8000), return_lags(y[:, :9000], 8000)
    ([9000], [])
    """
    length = y.shape[1]
    longest = length - max(round(_SHARED_S * rate), length // 5)
    shortest = round(_SHORTEST_S * rate)
    if longest <= shortest or not y.any():
        return []
    step = 1 << max(0, (2 * length).bit_length() - 4)  # a product of small numbers
    size = -(-2 * length // step) * step
    flat = np.abs(rfft(np.pad(y, ((0, 0), (0, size - length))))).sum(axis=0, keepdims=True)
    alike = irfft(flat.astype(np.complex64), size)[0, :longest]
    alike = alike / alike[0] * length / (length - np.arange(longest))
    alike[:shortest] = 0
    found: list[int] = []
    while len(found) < count and (best := int(alike.argmax())) and alike[best] >= _FLOOR:
        found.append(best)
        alike[max(0, best - round(_APART_S * rate)) : best + round(_APART_S * rate)] = 0
    return found


def _new(X: np.ndarray, rate: int, hop: int) -> np.ndarray:
    """Find by how much bins (2, F, N) differ from their nearest return, of their own magnitude: 0..1."""
    y = istft(X, hop=hop)
    length, n_fft = y.shape[1], 2 * (X.shape[1] - 1)
    own = X.real**2 + X.imag**2
    least = own.copy()
    # One channel at a time: spectra of half a minute are what the memory goes into.
    for lag, later, channel in product(return_lags(y, rate), (True, False), range(2)):
        other = np.zeros((1, length), np.float32)
        if later:
            other[:, : length - lag] = y[channel, lag:]
        else:
            other[:, lag:] = y[channel, : length - lag]
        apart = stft(other, n_fft=n_fft, hop=hop)[0, :, : X.shape[2]]
        apart -= X[channel]
        np.minimum(least[channel], apart.real**2 + apart.imag**2, out=least[channel])
    least += _SILENT
    own += _SILENT
    least /= own
    return np.sqrt(least, out=least)
