"""The level of every bin over time, as a picture shows it; columns are merged as they come, so that hours fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from audiokit.dsp.spectrum.mel import hz_to_mel, mel_to_hz
from audiokit.dsp.spectrum.stft import window_values
from audiokit.dsp.spectrum.transform import Transform, energies


def levels(
    spectra: Iterable[np.ndarray], transform: Transform, *, channels: int, columns_wanted: int = 2400
) -> tuple[np.ndarray, int, np.ndarray]:
    """Measure levels for a picture.

    Args:
        spectra: blocks (C, F, k) of one continuous complex spectrum.
        transform: what the picture shows: linear bins or mel bands.
        channels: C.
        columns_wanted: about how many columns there are at most (up to twice as many).

    Returns:
        Levels (C, bins, columns) in dB below a full-scale sine, the number of frames, and the centre of each bin (Hz).

    >>> frames = [np.zeros((1, 129, 7), np.complex64)]
    >>> level, count, centres = levels(frames, Transform(rate=8000, n_fft=256, hop=64), channels=1)
    >>> level.shape, count, float(centres[-1])
    ((1, 129, 7), 7, 4000.0)
    """
    columns = np.zeros((channels, transform.bins, 0), np.float32)
    merged, frames, pending = 1, 0, columns
    for S in spectra:
        frames += S.shape[2]
        pending = np.concatenate([pending, energies(S, replace(transform, gain=1.0))], axis=2)
        whole = pending.shape[2] // merged * merged
        columns = np.concatenate([columns, _merge(pending[:, :, :whole], merged)], axis=2)
        pending = pending[:, :, whole:]
        while columns.shape[2] > 2 * columns_wanted:
            even = columns.shape[2] // 2 * 2
            pending = np.concatenate([np.repeat(columns[:, :, even:], merged, axis=2), pending], axis=2)
            columns, merged = _merge(columns[:, :, :even], 2), merged * 2
    if pending.shape[2]:
        columns = np.concatenate([columns, pending.max(axis=2, keepdims=True)], axis=2)
    full_scale = window_values(transform.window, transform.n_fft).sum() / 2
    level = 20 / transform.power * np.log10(np.maximum(columns, 1e-20)) - 20 * np.log10(full_scale)
    if transform.kind == "mel":
        band = (transform.fmin, transform.fmax or transform.rate / 2)
        low, high = (float(hz_to_mel(hz, htk=transform.htk)) for hz in band)
        centres = mel_to_hz(np.linspace(low, high, transform.bins + 2)[1:-1], htk=transform.htk)
    else:
        centres = np.arange(transform.first_bin, transform.n_fft // 2 + 1) * transform.rate / transform.n_fft
    return level, frames, centres


def _merge(columns: np.ndarray, count: int) -> np.ndarray:
    return columns.reshape(*columns.shape[:2], -1, count).max(axis=3)
