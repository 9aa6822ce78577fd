"""Hear and see what a style model makes of a track while it trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.dsp.spectrum.style import StyleFrontend, apply_gain, gain_db, spread_gain
from audiokit.training.style.data import AudioTrack, Track


def audible(track: Track, after: np.ndarray, frontend: StyleFrontend) -> tuple[np.ndarray, int] | None:
    """Turn a model's answer to the beginning of a track into audio.

    Args:
        track: what the model saw; its samples lend their phase.
        after: the answer (bins, N).
        frontend: the model's.

    Returns:
        Audio (1, T) and its rate; None for a track that has no samples (a chunk set).
    """
    if not isinstance(track, AudioTrack):
        return None
    t = frontend.transform
    y = np.asarray(track.samples[: (after.shape[1] - 1) * t.hop])[None]
    S = stft(y, n_fft=t.n_fft, hop=t.hop, window=t.window)
    count = min(S.shape[2], after.shape[1])
    before = track.cut(0, count)
    gain = gain_db(before[None], after[None, :, :count], frontend)
    out = apply_gain(S[:, :, :count], spread_gain(gain, frontend, bins=S.shape[1]))
    styled = istft(out, n_fft=t.n_fft, hop=t.hop, window=t.window, length=y.shape[1])
    peak = float(np.abs(styled).max(initial=0.0))
    return styled * np.float32(min(1.0, 0.9 / peak) if peak else 1.0), t.rate


def draw_pair(target: Path, before: np.ndarray, after: np.ndarray, frontend: StyleFrontend) -> None:
    """Draw what the model saw and what it answered, one above the other."""
    from audiokit.io.image import save_spectrogram

    t = frontend.transform
    if t.kind == "mel":
        place = np.arange(t.n_fft // 2 + 1) * t.rate / t.n_fft
        filters = t.filters[: frontend.bins]
        frequencies = (filters @ place) / np.maximum(filters.sum(axis=1), 1e-12)
    else:
        frequencies = (np.arange(frontend.bins) + t.first_bin) * t.rate / t.n_fft
    levels = (np.stack([before, after]) - np.float32(t.offset)) / np.float32(t.slope)
    save_spectrogram(
        target,
        levels,
        seconds=before.shape[1] * t.hop / t.rate,
        frequencies_hz=frequencies,
        axis="mel" if t.kind == "mel" else "linear",
        title="before (1) and after (2)",
        force=True,
    )
