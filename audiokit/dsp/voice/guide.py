"""A hummed or sung guide as notes."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.voice.plan import Music, SungNote
from audiokit.dsp.voice.world import HOP_S, Voice, runs

#: Notes shorter than this belong to their neighbours.
SHORTEST_S = 0.09


def hear_melody(voice: Voice) -> list[SungNote]:
    """Turn a monophonic voice into notes.

    A note is a stretch of strong voice whose pitch stays within 0.7 semitones of its running median and whose level
    does not dip by 5 dB. Pitches are rounded to semitones after the singer's own tuning was taken out.

    Args:
        voice: the analysed guide.

    Returns:
        Notes, their syllable still 0.
    """
    midi = 69 + 12 * np.log2(np.maximum(voice.f0_hz, 1.0) / 440)
    found: list[tuple[int, int, float]] = []
    for start, stop in runs(voice.strong):
        begin = start
        for i in range(start + 1, stop + 1):
            if i < stop and not _changes(midi, voice.level_db, begin, i):
                continue
            if (i - begin) * HOP_S >= SHORTEST_S:
                body = midi[begin + (i - begin) // 5 : i]
                found.append((begin, i, float(np.median(body))))
            begin = i
    if not found:
        return []
    offsets = np.array([pitch for _, _, pitch in found])
    angle = np.angle(np.exp(2j * np.pi * offsets).mean()) / (2 * np.pi)
    notes: list[SungNote] = []
    for a, b, pitch in found:
        note = SungNote(a * HOP_S, b * HOP_S, float(round(pitch - angle)), 0)
        last = notes[-1] if notes else None
        quiet = voice.level_db[max(a - 6, 0) : a + 6].min() < voice.level_db[a : b + 1].max() - 8
        if last and note.pitch == last.pitch and note.start_s - last.end_s < 0.03 and not quiet:
            notes[-1] = SungNote(last.start_s, note.end_s, last.pitch, 0)
        else:
            notes.append(note)
    return notes


def _changes(midi: np.ndarray, level: np.ndarray, begin: int, i: int) -> bool:
    """Tell whether the note that began at `begin` ends before frame `i`."""
    if i - begin < 8:
        return False
    held = float(np.median(midi[begin + 3 : i]))
    ahead = midi[i : i + 8]
    if len(ahead) == 8 and (np.abs(ahead - held) > 0.7).all():
        return True
    dip = level[begin:i].max() - level[i] > 5 and i + 6 < len(level) and level[i + 1 : i + 7].max() > level[i] + 5
    return bool(dip)


def snap(notes: list[SungNote], music: Music, *, reach_s: float = 0.09) -> list[SungNote]:
    """Move onsets that lie near an eighth of the backing onto it.

    Args:
        notes: in order.
        music: of the backing.
        reach_s: how far an onset may move.

    Returns:
        The notes, none overlapping.
    """
    starts = []
    for note in notes:
        grid = float(music.time_of(round(float(music.beat_at(note.start_s)) * 2) / 2))
        starts.append(grid if abs(grid - note.start_s) <= reach_s and grid >= 0 else note.start_s)
    moved = []
    for k, note in enumerate(notes):
        end = note.end_s if k + 1 == len(notes) else min(max(note.end_s, starts[k] + 0.08), starts[k + 1])
        if end - starts[k] > 0.03:
            moved.append(SungNote(starts[k], end, note.pitch, note.syllable, note.phrase))
    return moved
