"""Chords: a major or minor triad, or none, for each beat."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.key import PITCH_CLASSES, Key, beat_chroma, estimate_key
from audiokit.dsp.spectrum.samples import Samples

#: All labels: twelve major and twelve minor triads, and "N" for no chord.
LABELS = (*(f"{name}:{kind}" for kind in ("maj", "min") for name in PITCH_CLASSES), "N")
_INTERVALS = {"maj": (0, 4, 7), "min": (0, 3, 7)}
_CHANGE_COST = 0.35
_CHANGE_COST_ON_DOWNBEAT = 0.12
_KEY_BONUS = 0.06


def chord_tones(label: str) -> tuple[int, ...]:
    """Pitch classes of a chord label, root first; empty for "N".

    >>> chord_tones("A:min"), chord_tones("N")
    ((9, 0, 4), ())
    """
    if label == "N":
        return ()
    name, _, kind = label.partition(":")
    root = PITCH_CLASSES.index(name)
    return tuple((root + step) % 12 for step in _INTERVALS[kind])


def estimate_chords(y: Samples, rate: int, beats: Beats, *, key: Key | None = None) -> list[str]:
    """Name the chord over each beat.

    Beat-wise chroma is compared with triads, and the best sequence is found with changes preferred on downbeats and
    chords of the key preferred a little.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        beats: its beats.
        key: its key; estimated unless given.

    Returns:
        One of LABELS per beat, such as "A:min", or "N".

    References:
        Cho and Bello (2014), On the relative importance of individual components of chord recognition systems.

    >>> t = np.arange(4 * 22050) / 22050
    >>> chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220.0, 261.63, 329.63)).astype(np.float32)[None]
    >>> estimate_chords(chord, 22050, Beats(np.arange(8) * 0.5, np.array([0, 4]), 120.0, 1.0))[:3]
    ['A:min', 'A:min', 'A:min']
    """
    if not len(beats.times_s):
        return []
    features = beat_chroma(y, rate, beats.times_s)
    key = estimate_key(y, rate) if key is None else key
    scores = _emissions(features, key)
    down = np.zeros(len(beats.times_s), bool)
    down[beats.downbeats] = True
    return [LABELS[k] for k in _viterbi(scores, np.where(down, _CHANGE_COST_ON_DOWNBEAT, _CHANGE_COST))]


def _emissions(features: np.ndarray, key: Key) -> np.ndarray:
    """How well each label fits each beat (25, B): cosine similarity with the triad."""
    norms = np.linalg.norm(features, axis=0)
    unit = features / (norms + 1e-9)
    templates = np.zeros((24, 12))
    for row, label in enumerate(LABELS[:-1]):
        for tone, weight in zip(chord_tones(label), (1.0, 0.85, 0.9), strict=True):
            templates[row, tone] = weight
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    relative = (key.tonic + (3 if key.mode == "minor" else 0)) % 12
    scale = {(relative + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)}
    bonus = np.array([_KEY_BONUS if set(chord_tones(label)) <= scale else 0.0 for label in LABELS[:-1]])
    fits = templates @ unit + bonus[:, None]
    silent = norms < 0.05 * np.median(norms[norms > 0]) if (norms > 0).any() else np.ones(len(norms), bool)
    # A flat chroma resembles every triad by about 0.5.
    none = np.where(silent, 2.0, 0.58)
    return np.vstack([fits, none])


def _viterbi(scores: np.ndarray, change_cost: np.ndarray) -> list[int]:
    labels, count = scores.shape
    total = scores[:, 0].copy()
    back = np.zeros((count, labels), int)
    for beat in range(1, count):
        leader = int(total.argmax())
        moved = total[leader] - change_cost[beat]
        stay = total >= moved
        back[beat] = np.where(stay, np.arange(labels), leader)
        total = np.where(stay, total, moved) + scores[:, beat]
    path = [int(total.argmax())]
    for beat in range(count - 1, 0, -1):
        path.append(int(back[beat, path[-1]]))
    return path[::-1]
