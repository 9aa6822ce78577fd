"""Intelligibility of a sound whose time was warped: each moment beside the moment of the original it was made from.

Reference: Taal, Hendriks, Heusdens and Jensen (2011), An algorithm for intelligibility prediction of time-frequency
weighted noisy speech; here the frames of the clean side are taken where a known map says.
"""

from __future__ import annotations

import numpy as np

#: As in STOI: rate, frame, hop, frames of a segment (384 ms), frames quieter than this are left out, clipping.
RATE, FRAME, HOP, SEGMENT, RANGE_DB, CLIP_DB = 10_000, 256, 128, 30, 40, 15


def mapped_stoi(clean: np.ndarray, warped: np.ndarray, rate: int, source_s: np.ndarray, hop_s: float) -> float:
    """Correlate third-octave envelopes of a warped sound with those of the original at the mapped times.

    Args:
        clean: the original (T,).
        warped: what was made of it (T2,).
        rate: Hz, of both.
        source_s: time of the original that is heard at each frame of the warped sound (M,), NaN where there is none.
        hop_s: time between these frames.

    Returns:
        0 (nothing in common) to 1.
    """
    import soxr
    from pystoi.utils import thirdoct

    bands, _ = thirdoct(RATE, 512, 15, 150)
    clean, warped = (soxr.resample(y, rate, RATE) for y in (clean, warped))
    times = np.arange(len(warped) // HOP - 3) * HOP / RATE + FRAME / 2 / RATE
    at = np.clip((times / hop_s).astype(int), 0, len(source_s) - 1)
    known = np.isfinite(source_s[at])
    a, b = _envelopes(clean, source_s[at][known], bands), _envelopes(warped, times[known], bands)
    level = 20 * np.log10(np.linalg.norm(a, axis=0) + 1e-9)
    loud = level > level.max() - RANGE_DB
    a, b = a[:, loud], b[:, loud]
    found = []
    for stop in range(SEGMENT, a.shape[1] + 1):
        x, y = a[:, stop - SEGMENT : stop], b[:, stop - SEGMENT : stop]
        y = y * np.linalg.norm(x, axis=1, keepdims=True) / (np.linalg.norm(y, axis=1, keepdims=True) + 1e-9)
        y = np.minimum(y, x * (1 + 10 ** (CLIP_DB / 20)))
        x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
        found.append((x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1) + 1e-9))
    return float(np.mean(found)) if found else float("nan")


def _envelopes(y: np.ndarray, times: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Third-octave levels (B, N) of frames around some times."""
    y = np.pad(y, (FRAME, 2 * FRAME))
    starts = np.clip(np.round(times * RATE).astype(int) + FRAME // 2, 0, len(y) - FRAME)
    frames = np.lib.stride_tricks.sliding_window_view(y, FRAME)[starts]
    return np.sqrt(bands @ (np.abs(np.fft.rfft(np.hanning(FRAME + 2)[1:-1] * frames, 512)) ** 2).T)
