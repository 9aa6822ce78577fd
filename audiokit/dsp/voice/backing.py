"""What a singer needs to know about a backing track: beats, bars, key and chords, or what to assume without them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from audiokit.dsp.rhythm.beats import Beats, smooth, track_beats
from audiokit.dsp.rhythm.chords import chord_tones, estimate_chords
from audiokit.dsp.rhythm.key import Key, chroma, estimate_key
from audiokit.dsp.rhythm.onsets import onset_curves
from audiokit.dsp.rhythm.tempo import autocorrelation, normalised_curve
from audiokit.dsp.spectrum.samples import Samples, peak_of
from audiokit.dsp.voice.plan import PITCH_CLASSES, Music, even_music
from audiokit.errors import ParameterError

#: Assumed where nothing is heard and nothing is said.
FALLBACK_BPM = 100.0
# Onsets of music stand out: the strongest fiftieth of an onset curve is so many times its mean (noise gives 2 to 4).
_STAND_OUT = 4.0
# Spread of the mean pitch classes over their mean: noise gives 0.07 to 0.17, music above 0.2, with loud drums 0.12.
_TONAL, _TONAL_WITH_BEAT = 0.19, 0.12


def hear_music(y: Samples, rate: int, *, bpm: float | None = None, key: str | None = None) -> Music:
    """Find beats, bars, key and chords of a backing.

    Args:
        y: audio (C, T), float32.
        rate: sample rate in Hz.
        bpm: tempo, if it is known. Where no beat can be heard, an even one from 0 s is used.
        key: key such as "A minor" or "F#", if it is known.

    Returns:
        The music. Its `notes` say what was not found: without a beat it is a metronome at `bpm` (100 unless given),
        without a key it is C major.

    Raises:
        ParameterError: the tempo or the key makes no sense.

    >>> hear_music(np.zeros((1, 32000), np.float32), 8000, bpm=120).bpm
    120.0
    """
    wanted = parse_key(key) if key else None
    end_s = y.shape[1] / rate
    notes = []
    beats = track_beats(y, rate, bpm=bpm)
    has_beat = _has_beat(y, rate, beats)
    if not has_beat:
        music = even_music(end_s, bpm=bpm or FALLBACK_BPM)
        assumed = "" if bpm else f"; {FALLBACK_BPM:g} BPM from the start is assumed (say --bpm if you know better)"
        notes.append(f"no beat is heard in the backing{assumed}")
    else:
        down = np.zeros(len(beats.times_s), bool)
        down[beats.downbeats] = True
        music = Music(beats.times_s, down, end_s, bpm=float(beats.tempo_bpm))
    values, _ = chroma(y, rate)
    mean = values.mean(axis=1) if values.shape[1] else np.zeros(12)
    least = _TONAL_WITH_BEAT if has_beat else _TONAL
    tonal = float(mean.std() / (mean.mean() + 1e-9)) > least and peak_of(y) > 1e-5
    found = wanted or (estimate_key(y, rate) if tonal else Key(0, "major", 0.0))
    if not tonal and not wanted:
        notes.append("no key is heard in the backing; C major is assumed (say --key if you know better)")
    chords: tuple[tuple[int, ...], ...] = ()
    if tonal:
        grid = Beats(music.beats_s, np.flatnonzero(music.downbeats), music.bpm, beats.confidence)
        chords = tuple(chord_tones(label) for label in estimate_chords(y, rate, grid, key=found))
        found = found if wanted else _relative(found, chords)
    return replace(music, tonic=found.tonic, mode=found.mode, chords=chords, notes=tuple(notes))


def _relative(key: Key, chords: tuple[tuple[int, ...], ...]) -> Key:
    """Choose between a key and its relative, which has the same notes, by where the tonic triads lie.

    The one that sounds longer wins; beginning with it counts as much as a third of the music. How it ends says little,
    because backings are often excerpts and loops.
    """
    minor = key.mode == "minor"
    other = Key((key.tonic + (3 if minor else 9)) % 12, "major" if minor else "minor", key.confidence)
    sounding = [chord for chord in chords if chord]

    def weight(candidate: Key) -> float:
        third = 4 if candidate.mode == "major" else 3
        triad = {(candidate.tonic + step) % 12 for step in (0, third, 7)}
        share = [set(chord) == triad for chord in sounding]
        return float(np.mean(share)) + share[0] / 3

    return other if sounding and weight(other) > weight(key) + 0.1 else key


def _has_beat(y: Samples, rate: int, beats: Beats) -> bool:
    """Tell music with a beat from noise, drones and silence, in which a tracker also finds something."""
    if len(beats.times_s) < 4:
        return False
    curves = onset_curves(y, rate)
    curve = curves.total
    if np.percentile(curve, 98) < _STAND_OUT * curve.mean():
        return False
    period = float(np.median(np.diff(beats.times_s))) * curves.frames_per_s
    lags = [round(period * k) for k in (2, 4, 8) if period * k + 3 < 0.8 * len(curve)]
    repeats = autocorrelation(normalised_curve(smooth(curve), curves.frames_per_s), max([*lags, 8]) + 3)
    again = float(np.mean([repeats[lag - 2 : lag + 3].max() for lag in lags])) if lags else 0.0
    return again > 0.1 or beats.confidence > 0.36


def parse_key(text: str) -> Key:
    """Read a key such as "A minor", "f# major", "Bb", "Am" or "C#:min".

    Raises:
        ParameterError: it is no key.

    >>> parse_key("Bb minor").name, parse_key("F#m").name, parse_key("c").name
    ('A# minor', 'F# minor', 'C major')
    """
    match = re.fullmatch(r"\s*([A-Ga-g])([#b♯♭]?)[\s:]*(major|maj|minor|min|m|dur|moll)?\s*", text)
    if not match:
        raise ParameterError(f"{text!r} is no key", hint='write for example --key "A minor" or --key F#')
    letter, sign, mode = match.groups()
    tonic = PITCH_CLASSES.index(letter.upper()) + {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[sign]
    return Key(tonic % 12, "minor" if mode in ("minor", "min", "m", "moll") else "major", 1.0)
