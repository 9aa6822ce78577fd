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
from audiokit.dsp.spectrum.frames import extended, squared
from audiokit.dsp.spectrum.stft import istft, window_values

#: Lags that are looked at, each both ways.
LAGS = 3
# Least likeness of a mix to itself at a lag, of 1; below, chance.
_FLOOR = 0.08
_SHORTEST_S, _APART_S, _SHARED_S = 0.5, 0.05, 1.5


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


def new_power(X: np.ndarray, *, rate: int, hop: int) -> np.ndarray:
    """Find by how much bins (2, F, N) differ from the return that is most like them: a power, at most their own.

    Args:
        X: spectra (2, F, N), complex, of one stretch of music.
        rate: Hz.
        hop: of the spectra, in samples.

    Returns:
        Power (2, F, N), float32: their own where nothing comes back.

    >>> from audiokit.dsp.spectrum.stft import stft
    >>> y = np.tile(np.random.default_rng(0).standard_normal((2, 6000)).astype(np.float32), (1, 4))
    >>> S = stft(y, n_fft=512, hop=128)
    >>> power = new_power(S, rate=8000, hop=128)[..., 8:-8]
    >>> power.shape, bool(power.max() < 1e-6 * np.max(np.abs(S)) ** 2)
    ((2, 257, 172), True)
    """
    y = istft(X, hop=hop)
    length, n_fft = y.shape[1], 2 * (X.shape[1] - 1)
    least = X.real**2 + X.imag**2
    window, sides = window_values("hann", n_fft), n_fft // 2
    # One channel at a time: spectra of half a minute are what the memory goes into.
    for lag, later, channel in product(return_lags(y, rate), (True, False), range(2)):
        apart = -y[channel : channel + 1]
        if later:
            apart[:, : length - lag] += y[channel, lag:]
        else:
            apart[:, lag:] += y[channel, : length - lag]
        power = squared(extended(apart, sides, sides, "constant"), X.shape[2], hop, window)
        np.minimum(least[channel], power[0], out=least[channel])
    return least
