"""Pitch classes over time, and the key they point to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.rhythm.playing import samples_of
from audiokit.dsp.spectrum.samples import Samples
from audiokit.dsp.spectrum.stft import window_values

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
#: Into how many cells a semitone is divided.
CELLS = 5
_LOW_HZ, _HIGH_HZ = 60.0, 2100.0
_BASS_HZ = (36.0, 180.0)
_WINDOW_S, _HOP_S = 0.19, 0.093
_BLOCK_FRAMES = 400
# Weight of each scale degree in major and minor, from listeners' and corpus statistics.
_PROFILES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        tonic: pitch class, 0 is C.
        mode: "major" or "minor".
        confidence: 0 to 1: how far it is ahead of the next best key.
    """

    tonic: int
    mode: str
    confidence: float

    @property
    def name(self) -> str:
        """Such as "A minor"."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"

    def shift_to(self, other: Key) -> int:
        """Smallest number of semitones (-6..5) that makes this key share the notes of another.

        A minor key counts as its relative major.

        >>> Key(9, "minor", 1.0).shift_to(Key(0, "major", 1.0)), Key(2, "major", 1.0).shift_to(Key(0, "major", 1.0))
        (0, -2)
        """
        mine, theirs = (key.tonic + (3 if key.mode == "minor" else 0) for key in (self, other))
        return (theirs - mine + 6) % 12 - 6


def chroma(y: Samples, rate: int) -> tuple[np.ndarray, float]:
    """Measure how strong each pitch class is over time.

    Spectral peaks between 60 and 2100 Hz are folded into twelve classes; the recording's own tuning is found first.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.

    Returns:
        Chroma (12, N), float32, non-negative, row 0 is C; and the frames per second. Frame k is centred on k / fps.

    >>> t = np.arange(22050) / 22050
    >>> tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)[None]
    >>> PITCH_CLASSES[int(chroma(tone, 22050)[0].mean(axis=1).argmax())]
    'A'
    """
    values, fps = chroma_and_bass(y, rate)
    return np.ascontiguousarray(values[:12]), fps


def chroma_and_bass(y: Samples, rate: int) -> tuple[np.ndarray, float]:
    """Measure how strong each pitch class is over time, and each pitch class of the bass.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.

    Returns:
        Chroma and chroma of the bass (24, N), float32, non-negative, rows 0 and 12 are C; and the frames per second.

    >>> tone = np.sin(2 * np.pi * 110 * np.arange(22050) / 22050).astype(np.float32)[None]
    >>> chroma_and_bass(tone, 22050)[0].mean(axis=1).reshape(2, 12).argmax(axis=1).tolist()
    [9, 9]
    """
    cells, fps = pitch_cells(y, rate)
    tuning = _tuning_cells(cells[: 12 * CELLS].sum(axis=1))
    shifted = np.roll(cells.reshape(2, 12 * CELLS, -1), CELLS // 2 - tuning, axis=1)
    return np.ascontiguousarray(shifted.reshape(24, CELLS, -1).sum(axis=1)), fps


def pitch_cells(y: Samples, rate: int) -> tuple[np.ndarray, float]:
    """Measure how strong each fifth of a semitone is within an octave over time, and of the bass, as it is tuned.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.

    Returns:
        Cells, then those of the bass (24 * CELLS, N), float32, non-negative; C, where A is 440 Hz, lies between the
        last and the first of each; and the frames per second.

    >>> t = np.arange(22050) / 22050
    >>> tones = [np.sin(2 * np.pi * 110 * 2 ** (steps / 60) * t).astype(np.float32)[None] for steps in (0.5, 1.5)]
    >>> [int(pitch_cells(tone, 22050)[0].mean(axis=1)[:60].argmax()) for tone in tones]
    [45, 46]
    """
    n_fft = 1 << max(8, round(np.log2(rate * _WINDOW_S)))
    hop = max(1, round(rate * _HOP_S))
    bins_hz = np.arange(n_fft // 2 + 1) * rate / n_fft
    used = (bins_hz >= _BASS_HZ[0]) & (bins_hz <= min(_HIGH_HZ, rate / 2 * 0.95))
    first, last = (int(np.flatnonzero(used)[0]), int(np.flatnonzero(used)[-1]) + 1) if used.any() else (1, 2)
    cells = np.zeros((24 * CELLS, 1 + y.shape[1] // hop), np.float32)
    window = window_values("hann", n_fft)
    for start in range(0, cells.shape[1], _BLOCK_FRAMES):
        stop = min(cells.shape[1], start + _BLOCK_FRAMES)
        low = start * hop - n_fft // 2
        power = np.zeros((stop - start, last - first + 2), np.float32)
        for piece in samples_of(y, low, low + (stop - start - 1) * hop + n_fft):
            frames = np.lib.stride_tricks.sliding_window_view(piece, n_fft)[::hop]
            spectra = np.fft.rfft(frames * window)[:, first - 1 : last + 1]
            power += (spectra.real**2 + spectra.imag**2).astype(np.float32)
        cells[:, start:stop] = _fold_peaks(np.sqrt(power), first, rate / n_fft)
    return cells, rate / hop


def _fold_peaks(magnitude: np.ndarray, first: int, bin_hz: float) -> np.ndarray:
    """Histograms (24 * CELLS, N), of all and of the bass, of peaks of magnitudes (N, F + 2) from bin `first` - 1."""
    middle, left, right = magnitude[:, 1:-1], magnitude[:, :-2], magnitude[:, 2:]
    # What booms below all notes but the bass's must not hide the others.
    low = max(0, int(np.ceil(_LOW_HZ / bin_hz)) - first)
    least, least_bass = (0.01 * part.max(axis=1) for part in (magnitude[:, low:], magnitude))
    peak = (middle > left) & (middle >= right) & (middle > least[:, None])
    row, column = np.nonzero(peak)
    a, b, c = (np.log(part[row, column] + 1e-12) for part in (left, middle, right))
    offset = np.clip(0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9), -0.5, 0.5)
    hz = (column + first + offset) * bin_hz
    pitch = 12 * np.log2(np.maximum(hz, 1.0) / 440) + 69
    # Low partials say more about the notes that are meant than high ones.
    weight = np.sqrt(middle[row, column]) * np.clip(1.5 - hz / _HIGH_HZ, 0.3, 1.0)
    cell = np.floor(CELLS * (pitch % 12)).astype(int) % (12 * CELLS)
    out = np.zeros((24 * CELLS, len(magnitude)), np.float32)
    heard = column >= low
    bass = (hz < _BASS_HZ[1]) & (middle[row, column] > least_bass[row])
    np.add.at(out, (cell[heard], row[heard]), weight[heard])
    np.add.at(out, (cell[bass] + 12 * CELLS, row[bass]), weight[bass])
    return out


def _tuning_cells(histogram: np.ndarray) -> int:
    """Which fifth of a semitone the notes' centres fall into, 0..4 counted so that 0 and 4 are sharp and flat of C."""
    folded = histogram.reshape(12, CELLS).sum(axis=0)
    spread = folded + 0.5 * (np.roll(folded, 1) + np.roll(folded, -1))
    best = int(np.argmax(spread))
    return best if best <= CELLS // 2 else best - CELLS


def beat_chroma(y: Samples, rate: int, beats_s: np.ndarray) -> np.ndarray:
    """Mean chroma from each beat to the next (12, B)."""
    return beat_means(*chroma(y, rate), beats_s)


def beat_means(values: np.ndarray, fps: float, beats_s: np.ndarray) -> np.ndarray:
    """Mean of values (K, N), frame n at n / fps, from each beat to the next (K, B)."""
    out = np.zeros((len(values), len(beats_s)), np.float32)
    if not len(beats_s) or not values.shape[1]:
        return out
    last = beats_s[-1] + (beats_s[-1] - beats_s[-2] if len(beats_s) > 1 else 0.5)
    edges = np.round(np.append(beats_s, last) * fps).astype(int)
    for index in range(len(beats_s)):
        low = min(edges[index], values.shape[1] - 1)
        out[:, index] = values[:, low : max(low + 1, edges[index + 1])].mean(axis=1)
    return out


def estimate_key(y: Samples, rate: int) -> Key:
    """Find the key of music by correlating its pitch classes with key profiles.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.

    Returns:
        The best key; C major with confidence 0 for silence.

    References:
        Krumhansl (1990), Cognitive foundations of musical pitch; Albrecht and Shanahan (2013), The use of large
        corpora to train a new type of key-finding algorithm.

    >>> t = np.arange(3 * 22050) / 22050
    >>> chord = sum(np.sin(2 * np.pi * hz * t) for hz in (220.0, 261.63, 329.63, 164.81)).astype(np.float32)[None]
    >>> estimate_key(chord, 22050).name
    'A minor'
    """
    values, _ = chroma(y, rate)
    loud = values.sum(axis=0)
    kept = values[:, loud > 0.1 * loud.max(initial=0.0)] if loud.size else values
    if not kept.size or not kept.any():
        return Key(0, "major", 0.0)
    profile = (kept / (kept.sum(axis=0, keepdims=True) + 1e-9)).mean(axis=1)
    scores = {
        (tonic, mode): float(np.corrcoef(profile, np.roll(weights, tonic))[0, 1])
        for mode, weights in _PROFILES.items()
        for tonic in range(12)
    }
    ranked = sorted(scores, key=lambda key: -scores[key])
    lead = scores[ranked[0]] - scores[ranked[1]]
    return Key(*ranked[0], float(np.clip(lead / 0.15, 0.0, 1.0)))
