"""Tell music from speech by what only music does: hold pitches still, and keep a beat.

References:
    Seyerlehner, Pohle, Schedl, Widmer (2007), Automatic music detection in television productions (steady tones).
    Scheirer, Slaney (1997), Construction and evaluation of a robust multifeature speech/music discriminator (pulse).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from audiokit.dsp.spectrum.moving import moving_mean
from audiokit.dsp.spectrum.stft import stft

#: Only this band is looked at, so that the answer does not depend on the sample rate.
_HIGHEST_HZ = 5500.0


def music_score(y: np.ndarray, *, rate: int) -> float:
    """Rate how much audio behaves like music: above 0.5 is music; speech, with or without noise, stays below.

    A voice singing alone counts as speech, which it is nearer to.

    Args:
        y: audio (C, T), float32; 10 s or more are best, under 2 s nothing is certain and the answer is 0.
        rate: Hz.

    Returns:
        Score in 0..1.

    >>> t = np.arange(66_150) / 22_050
    >>> chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277, 330, 440, 554, 660))
    >>> music_score(chord[None].astype(np.float32), rate=22_050) > 0.5
    True
    """
    if y.shape[1] < 2 * rate or not np.any(y):
        return 0.0
    mono = y.mean(axis=0, keepdims=True, dtype=np.float32)
    if not np.any(mono):
        mono = y[:1]
    return float(min(1.0, max(steady_tones(mono, rate=rate) / 6.0, pulse_clarity(mono, rate=rate) / 0.5)))


def steady_tones(y: np.ndarray, *, rate: int) -> float:
    """Measure how sharply some frequencies stay active through two and a half seconds (0 to 5; music above 3).

    >>> steady_tones(np.random.default_rng(0).standard_normal((1, 66_150)).astype(np.float32), rate=22_050) < 2
    True
    """
    power = _band_power(y, rate, frame_s=0.093, hop_s=0.0232)
    level_db = 10 * np.log10(power + 1e-3 * power.mean() + 1e-12)
    active = level_db - moving_mean(level_db, 21, axis=0, mode="reflect") > 3
    block = min(100, active.shape[1])
    starts = range(0, active.shape[1] - block + 1, max(1, block // 2))
    return float(np.median([_five_peaks(active[:, a : a + block].mean(axis=1)) for a in starts]))


def _five_peaks(activity: np.ndarray) -> float:
    """Sum the heights of the five sharpest peaks above the valleys beside them."""
    step = np.diff(activity)
    tops = np.flatnonzero((step[:-1] > 0) & (step[1:] <= 0)) + 1
    heights = []
    for top in tops:
        left = right = top
        while left > 0 and activity[left - 1] < activity[left]:
            left -= 1
        while right < activity.size - 1 and activity[right + 1] == activity[top]:
            right += 1
        while right < activity.size - 1 and activity[right + 1] < activity[right]:
            right += 1
        heights.append(activity[top] - max(activity[left], activity[right]))
    return float(np.sum(np.sort(heights)[::-1][:5]))


def pulse_clarity(y: np.ndarray, *, rate: int) -> float:
    """Measure how regularly onsets return, as a correlation (music with a beat above 0.25).

    >>> pulse_clarity(np.random.default_rng(0).standard_normal((1, 132_300)).astype(np.float32), rate=22_050) < 0.25
    True
    """
    hop_s = 0.0116
    power = _band_power(y, rate, frame_s=0.0464, hop_s=hop_s)
    level_db = 10 * np.log10(power + 1e-4 * power.mean() + 1e-12)
    edges = np.unique(np.round(np.geomspace(2, power.shape[0], 13)).astype(int))
    bands = np.stack([level_db[a:b].mean(axis=0) for a, b in pairwise(edges)])
    onsets = np.maximum(bands[:, 2:] - bands[:, :-2], 0).sum(axis=0)
    onsets = np.maximum(onsets - moving_mean(onsets, round(0.5 / hop_s), axis=0, mode="reflect"), 0)
    onsets -= onsets.mean()
    n = onsets.size
    # Linear autocorrelation by way of the power spectrum (Wiener and Khinchin), unbiased, 1 at lag 0.
    correlation = np.fft.irfft(np.abs(np.fft.rfft(onsets, 2 * n)) ** 2)[:n] / np.arange(n, 0, -1)
    correlation /= correlation[0] + 1e-12
    best = 0.0
    for lag in range(round(0.25 / hop_s), round(1.2 / hop_s)):
        if 4 * lag + 5 >= 0.7 * n:
            break
        # A beat returns after one, two, three and four periods.
        returns = [correlation[k * lag - k - 1 : k * lag + k + 2].max() for k in (1, 2, 3, 4)]
        best = max(best, float(np.mean(returns)))
    return best


def _band_power(y: np.ndarray, rate: int, *, frame_s: float, hop_s: float) -> np.ndarray:
    n_fft = max(64, 2 * round(rate * frame_s / 2))
    bins = max(32, round(min(_HIGHEST_HZ, rate / 2) * n_fft / rate))
    return np.abs(stft(y, n_fft=n_fft, hop=max(1, round(rate * hop_s)))[0, :bins]).astype(np.float64) ** 2
