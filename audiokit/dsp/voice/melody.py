"""Melody for a sung text: scale notes that follow the chords, the speaker's own intonation and simple voice leading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from audiokit.dsp.voice.intonation import EARLY_S
from audiokit.dsp.voice.plan import Music, SungNote
from audiokit.dsp.voice.syllables import Syllable
from audiokit.errors import ParameterError

#: Cost of a semitone, squared, away from the pitch the syllable was spoken on. Harmonics that move are what an
#: envelope loses most by: one pitch per syllable, the speaker's, has a mapped STOI of .88 (nine voices), a melody at
#: 0.1 here .86, at 0.25 .87.
INTONATION = 0.25
#: Half of the range a melody uses.
REACH_SEMITONES = 7.0

#: What is heard on a strong beat sounds between these times after it, glides being over: short notes share it, and one
#: that has more than this part of it should be a tone of the chord.
LANDING_S, LANDING_PART = (0.05, 0.2), 0.25
#: Cost of a melodic step by its size in semitones. Leaps glide long, and would be many so near to the spoken pitch.
_STEP_COST = (0.55, 0.0, 0.0, 0.35, 0.45, 1.4, 4.0, 2.2, 3.0, 3.4, 4.5, 5.0, 4.0)
#: Cost of going back to the pitch before the last.
_SEESAW_COST = 0.6


def compose(
    notes: Sequence[SungNote],
    syllables: Sequence[Syllable],
    music: Music,
    *,
    low: float,
    high: float,
    scale: str = "auto",
    rng: np.random.Generator | None = None,
) -> list[SungNote]:
    """Choose pitches for notes whose rhythm is set.

    The melody is the cheapest path (Viterbi) through the scale notes of a range: chord tones on strong beats, small
    steps, a contour that follows the speaker's intonation, phrases that end on a chord tone (the last one on the
    tonic, odd ones open), and phrases that answer each other by repeating the pitches of two phrases before.

    Args:
        notes: notes with their rhythm.
        syllables: what they sing.
        music: key and chords.
        low: lowest pitch, MIDI number.
        high: highest pitch.
        scale: name of a scale on the key's tonic, or "auto".
        rng: adds a little chance, for another melody with another seed; None gives the cheapest one.

    Returns:
        The notes with pitches.

    Raises:
        ParameterError: no scale note lies in the range.
    """
    if not notes:
        return []
    allowed = set(music.scale(scale))
    pitches = np.array([p for p in range(int(np.ceil(low)), int(np.floor(high)) + 1) if p % 12 in allowed])
    if not len(pitches):
        raise ParameterError(f"no note of the scale lies between {low:g} and {high:g}", hint="widen --range")
    order = sorted({note.phrase for note in notes})
    beats_s = music.beats_s.tolist()
    strong_s = [at for at in beats_s if is_strong(SungNote(at, at + 0.1, 60, 0), music)]
    done: list[list[SungNote]] = []
    previous: float | None = None
    for number, phrase in enumerate(order):
        part = [note for note in notes if note.phrase == phrase]
        costs = _local_costs(part, syllables, music, strong_s, pitches, (low + high) / 2)
        costs[-1] += _end_cost(pitches, part[-1], music, last=phrase == order[-1], is_open=number % 2 == 0)
        if number >= 2:
            costs += _echo_cost(pitches, part, done[number - 2], music)
        if rng is not None:
            costs += rng.gumbel(0, 0.25, costs.shape)
        path = _viterbi(costs, pitches, previous)
        done.append([replace(note, pitch=float(pitches[p])) for note, p in zip(part, path, strict=True)])
        previous = done[-1][-1].pitch
    return [note for part in done for note in part]


def is_strong(note: SungNote, music: Music) -> bool:
    """Tell whether a note begins on a strong beat (first of the bar, or the middle of a bar of four).

    >>> from audiokit.dsp.voice.plan import even_music
    >>> music = even_music(8.0, bpm=120)
    >>> [is_strong(SungNote(t, t + 0.2, 60, 0), music) for t in (0.0, 0.25, 0.5, 1.0)]
    [True, False, False, True]
    """
    beat = float(music.beat_at(note.start_s))
    nearest = round(beat)
    if abs(beat - nearest) > 0.12:
        return False
    down = np.flatnonzero(music.downbeats)
    if not len(down):
        return nearest % 2 == 0
    before = down[down <= nearest]
    after = down[down > nearest]
    start = int(before[-1]) if len(before) else int(down[0]) - 4
    length = int(after[0]) - start if len(after) and len(before) else 4
    return nearest == start or (length % 2 == 0 and nearest - start == length // 2)


def _local_costs(
    part: list[SungNote],
    syllables: Sequence[Syllable],
    music: Music,
    strong_s: list[float],
    pitches: np.ndarray,
    centre: float,
) -> np.ndarray:
    costs = np.zeros((len(part), len(pitches)))
    for i, note in enumerate(part):
        held = note.end_s - note.start_s > 0.6
        costs[i] = (1.4 if held else 0.35) * ~np.isin(pitches % 12, music.chord_at(note.start_s))
        # a note that began before a strong beat sounds on it too, over the chord that comes in there
        for at in strong_s:
            if _landing(note, at) > LANDING_PART:
                costs[i] = np.maximum(costs[i], 2.6 * ~np.isin(pitches % 12, music.chord_at(at)))
        intonation = float(np.clip(syllables[note.syllable].pitch_semitones, -REACH_SEMITONES, REACH_SEMITONES))
        costs[i] += INTONATION * (pitches - centre - intonation) ** 2
    return costs


def _landing(note: SungNote, beat_s: float) -> float:
    """Part of what is heard on a beat that a note is.

    >>> _landing(SungNote(1.0, 2.0, 60, 0), 1.5), round(_landing(SungNote(1.0, 1.16, 60, 0), 1.0), 2)
    (1.0, 0.47)
    """
    first, last = (beat_s + part for part in LANDING_S)
    inside = min(note.end_s - EARLY_S, last) - max(note.start_s - EARLY_S, first)
    return max(0.0, inside / (last - first))


def _end_cost(pitches: np.ndarray, note: SungNote, music: Music, *, last: bool, is_open: bool) -> np.ndarray:
    """Prefer a resting tone at the end of a phrase."""
    chord = np.isin(pitches % 12, music.chord_at(note.start_s))
    relative = (pitches - music.tonic) % 12
    third = 4 if music.mode == "major" else 3
    if last:
        return 2.5 * (relative != 0) + 0.5 * ~chord
    wanted = np.isin(relative, (7, 2, third) if is_open else (0, third))
    return 0.9 * ~wanted + 0.6 * ~chord


def _echo_cost(pitches: np.ndarray, part: list[SungNote], model: list[SungNote], music: Music) -> np.ndarray:
    """Prefer the pitches that an earlier phrase had at the same place in its bars."""
    costs = np.zeros((len(part), len(pitches)))
    places = np.array([float(music.beat_at(n.start_s)) for n in model])
    places -= places[0]
    first = float(music.beat_at(part[0].start_s))
    for i, note in enumerate(part):
        distance = np.abs(places - (float(music.beat_at(note.start_s)) - first))
        nearest = int(np.argmin(distance))
        if distance[nearest] < 0.6:
            costs[i] = 0.12 * np.minimum(np.abs(pitches - model[nearest].pitch), 5)
    return costs


def _viterbi(costs: np.ndarray, pitches: np.ndarray, previous: float | None) -> list[int]:
    """Cheapest path (Viterbi over pairs of notes, so that see-sawing between two pitches can cost something)."""
    table = np.array([*_STEP_COST, 6.0])
    step = table[np.minimum(np.abs(pitches[:, None] - pitches[None, :]), 13)]
    first = costs[0].copy()
    if previous is not None:
        first += 0.5 * table[np.minimum(np.abs(pitches - round(previous)), 13)]
    if len(costs) == 1:
        return [int(np.argmin(first))]
    seesaw = _SEESAW_COST * np.eye(len(pitches))[:, None, :] * (1 - np.eye(len(pitches)))[None]
    total = first[:, None] + step + costs[1]  # (note before, note)
    back = []
    for cost in costs[2:]:
        options = total[:, :, None] + seesaw  # (two before, before, note)
        back.append(np.argmin(options, axis=0))
        total = options.min(axis=0) + step + cost
    before, now = np.unravel_index(int(np.argmin(total)), total.shape)
    path = [int(now), int(before)]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1], path[-2]]))
    return path[::-1]


def voice_range(median_hz: float) -> tuple[float, float]:
    """Range of MIDI numbers for a speaker, centred on the median of the speech, where words are understood best.

    >>> voice_range(110.0), voice_range(220.0)
    ((38.0, 52.0), (50.0, 64.0))
    """
    centre = 69 + 12 * np.log2(median_hz / 440)
    return float(centre - REACH_SEMITONES), float(centre + REACH_SEMITONES)


def fit_octave(pitches: Sequence[float], low: float, high: float) -> int:
    """Number of semitones (a multiple of 12) that brings a melody's median nearest to the middle of a range.

    >>> fit_octave([72, 74, 76], 45, 57)
    -24
    """
    return int(12 * round(((low + high) / 2 - float(np.median(pitches))) / 12))


def harmonise(notes: Sequence[SungNote], music: Music, interval: str, *, scale: str = "auto") -> list[SungNote]:
    """Write a second voice.

    Args:
        notes: the melody.
        music: its key.
        interval: "third" or "fifth" (above, inside the scale) or "octave" (above).
        scale: the scale to stay in.

    Returns:
        The second voice's notes.

    >>> from audiokit.dsp.voice.plan import even_music
    >>> [n.pitch for n in harmonise([SungNote(0, 1, 60, 0), SungNote(1, 2, 62, 0)], even_music(2.0), "third")]
    [64.0, 65.0]
    """
    if interval == "octave":
        return [replace(note, pitch=note.pitch + 12) for note in notes]
    allowed = sorted(set(music.scale(scale)))
    steps = {"third": 2, "fifth": 4}[interval] if len(allowed) >= 7 else {"third": 1, "fifth": 2}[interval]
    ladder = [octave * 12 + pc for octave in range(11) for pc in allowed]
    result = []
    for note in notes:
        nearest = int(np.argmin([abs(p - note.pitch) for p in ladder]))
        result.append(replace(note, pitch=float(ladder[nearest + steps]) + note.pitch - ladder[nearest]))
    return result
