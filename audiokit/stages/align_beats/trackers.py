"""Who finds beats: our own tracker, librosa's, or the network of beat_this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.rhythm.beats import Beats, beat_confidence, refine, track_beats
from audiokit.dsp.spectrum.samples import Samples, mono_of
from audiokit.errors import MissingExtraError, ModelError
from audiokit.models.folder.checkpoint import pick_device


def find_beats(
    y: Samples, rate: int, *, tracker: str = "audiokit", device: str = "auto", bpm: float | None = None
) -> Beats:
    """Track beats with the tracker that was asked for.

    Args:
        y: audio (C, T), float32.
        rate: Hz.
        tracker: "audiokit", "librosa", or "beat-this" (extra `beats`).
        device: where the network of beat-this runs.
        bpm: the tempo, about, when it is known.

    Raises:
        MissingExtraError, ModelError: the package or the weights of beat-this are not here.
    """
    if tracker == "beat-this":
        return _beat_this(y, rate, device)
    if tracker == "librosa":
        return _librosa(y, rate, bpm)
    return track_beats(y, rate, bpm=bpm)


def _librosa(y: Samples, rate: int, bpm: float | None) -> Beats:
    """Beats of librosa's dynamic programming; it knows no bars, so the first of every four is called one."""
    from librosa.beat import beat_track

    mono = mono_of(y)
    if mono.size < rate // 10 or not mono.any():
        return beats_from_lists([], confidence=0.0)
    known: dict[str, Any] = {} if bpm is None else {"bpm": bpm}
    _, times = beat_track(y=mono, sr=rate, units="time", **known)
    times = np.asarray(times, np.float64)
    return beats_from_lists(times, confidence=beat_confidence(y, rate, times) if len(times) > 2 else 0.0)


def _beat_this(y: Samples, rate: int, device: str) -> Beats:
    """Beats of the package beat_this, moved from its frames of 20 ms to the attacks."""
    try:
        from beat_this.inference import Audio2Beats
    except ImportError as error:
        raise MissingExtraError.of("beats", "--tracker beat-this") from error
    except OSError as error:  # a torchaudio that was built for another torch
        raise MissingExtraError(
            f"beat_this is installed, but cannot be loaded ({error})", hint="install the torchaudio that fits torch"
        ) from error
    try:
        tracker = Audio2Beats(device=pick_device(device))
    except (OSError, ValueError) as error:
        raise ModelError(
            "the weights of beat_this cannot be had", hint="connect once, or use --tracker audiokit"
        ) from error
    times, downbeats = tracker(mono_of(y), rate) if y.shape[1] >= rate // 10 else ([], [])
    beats = beats_from_lists(times, downbeats_s=downbeats)
    if len(beats.times_s) < 3:
        return replace(beats, confidence=0.0)
    moved = refine(y, rate, beats.times_s)
    # Where beats were left out the steady grid of `refine` does not hold: then the frames are better.
    times = np.where(np.abs(moved - beats.times_s) < 0.04, moved, beats.times_s)
    if (np.diff(times) <= 0).any():
        times = beats.times_s
    return replace(beats, times_s=times, confidence=beat_confidence(y, rate, times))


def beats_from_lists(
    times_s: Sequence[float] | NDArray[np.float64],
    *,
    positions: Sequence[int] = (),
    downbeats_s: Sequence[float] | NDArray[np.float64] = (),
    confidence: float = 1.0,
) -> Beats:
    """Make Beats of times and either positions in the bar or times of downbeats."""
    times = np.asarray(times_s, np.float64)
    if len(positions):
        downbeats = np.flatnonzero(np.asarray(positions) == 1)
    elif len(downbeats_s) and len(times):
        downbeats = np.unique([int(np.argmin(np.abs(times - t))) for t in downbeats_s])
    else:
        downbeats = np.arange(0, len(times), 4)
    per_bar = int(np.median(np.diff(downbeats))) if len(downbeats) > 1 else 4
    tempo = 60 / float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return Beats(times, downbeats, tempo, confidence, max(1, per_bar))
