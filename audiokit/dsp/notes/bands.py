"""Power of notes in bands and on a time grid."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

#: Edges of the noise bands in Hz: even on the mel scale above 1 kHz, 125 Hz apart at least.
NOISE_EDGES_HZ = np.round(np.unique(np.round(700 * (10 ** (np.linspace(0, 3560, 41) / 2595) - 1) / 125)) * 125)


N_BANDS = len(NOISE_EDGES_HZ) - 1


def _band_power(residual: np.ndarray, rate: int, partials_hz: np.ndarray) -> np.ndarray:
    """Mean square of the residual in each noise band, every 4 ms (N_BANDS, N).

    What is left of an unsteady partial is no noise, so only the valleys between partials count, seen through a
    window long enough to have valleys; short windows then tell how that noise is distributed in time.
    """
    short = round(rate / 125)
    hop = short // 2
    quick = _bands(_power_frames(residual, short, hop), rate, np.zeros(0))
    spacing = partials_hz[0] if len(partials_hz) == 1 else float(np.median(np.diff(partials_hz)))
    if spacing < 90:
        return quick
    long = short * (4 if spacing > 200 else 8)
    slow = _bands(_power_frames(residual, long, hop), rate, partials_hz)
    kernel = np.hanning(long // hop + 1) ** 2
    kernel /= kernel.sum()
    smooth = np.stack([np.convolve(row, kernel, mode="same") for row in quick])
    return slow * np.clip(quick / np.maximum(smooth, 1e-20), 0.02, 10.0)


def _power_frames(y: np.ndarray, n: int, hop: int) -> np.ndarray:
    """Mean square per bin of Hann frames centred every `hop` samples (N, F)."""
    window = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, (n // 2, n)), n)[: (len(y) // hop + 2) * hop : hop]
    return 2 * np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (n * (window**2).sum())


def _bands(power: np.ndarray, rate: int, partials_hz: np.ndarray) -> np.ndarray:
    """Sum bins into noise bands (N_BANDS, N), valley bins only where partials are given."""
    n = 2 * (power.shape[1] - 1)
    bins = np.arange(power.shape[1]) * rate / n
    free = np.ones(len(bins), bool)
    if len(partials_hz):
        free = np.abs(bins[:, None] - partials_hz).min(1) > 2.5 * rate / n
    edges = np.minimum(np.round(NOISE_EDGES_HZ * n / rate).astype(int), n // 2)
    out, known = np.zeros((N_BANDS, len(power))), np.zeros(N_BANDS, bool)
    for band, (a, b) in enumerate(pairwise(edges)):
        if free[a:b].any():
            out[band] = power[:, a:b][:, free[a:b]].mean(1)
            known[band] = True
    if not known.all():
        fill = _nearest_mix(np.flatnonzero(known), np.flatnonzero(~known))
        out[~known] = np.exp(fill @ np.log(np.maximum(out[known], 1e-20)))
    return out * (edges[1:] - edges[:-1])[:, None]


def _nearest_mix(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weights (len(wanted), len(known)) of straight-line interpolation."""
    return np.stack([np.interp(wanted, known, row) for row in np.eye(len(known))], axis=1)
