"""Melodies that are given (MIDI, or hummed), and a backing long enough for all that is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.samples import Samples
from audiokit.dsp.voice.guide import hear_melody, snap
from audiokit.dsp.voice.melody import fit_octave
from audiokit.dsp.voice.plan import Music, SungNote, loop_beats, repeat_music
from audiokit.dsp.voice.rhythm import set_rhythm
from audiokit.dsp.voice.world import analyse_voice
from audiokit.engine.spool import at_hand
from audiokit.errors import InputError
from audiokit.io.midi_format import Note, Score
from audiokit.io.plan import score_to_notes
from audiokit.stages.sing.levels import one_voice
from audiokit.stages.sing.settings import Singing


def given_melody(
    syllables: Any, music: Music, how: Singing, melody: Any, guide: Any, low: float, high: float
) -> tuple[list[SungNote], list[str]]:
    """Notes of a MIDI melody or a hummed guide, in the speaker's octave, with a syllable each."""

    warnings = []
    if guide is not None:
        hum, rate = one_voice(*guide)
        heard = snap(hear_melody(analyse_voice(hum, rate, quality=how.quality, tracker=how.pitch_tracker)), music)
        if not heard:
            raise InputError("no melody heard in the guide", hint="hum or sing one voice without music")
        score = Score([Note(n.start_s, n.end_s, int(n.pitch)) for n in heard])
    else:
        score = _on_the_beat(melody, music)
    notes = score_to_notes(score, count=len(syllables), name="the melody", fit=how.fit)
    notes = [n for n in notes if how.start_s <= n.start_s < music.end_s - 0.1]
    if not notes:
        raise InputError("no note of the melody lies within the backing", hint="check its tempo, or --start")
    notes = [replace(n, end_s=min(n.end_s, music.end_s)) for n in notes]
    left = len(score.notes) - len(notes)
    if left > 0 and how.fit != "loop":
        warnings.append(f"{left} notes of the melody have no syllable and are not sung (--fit loop repeats the speech)")
    unsung = len(syllables) - len({n.syllable for n in notes})
    if unsung > 0:
        warnings.append(f"{unsung} of {len(syllables)} syllables have no note and are not sung")
    shift = fit_octave([n.pitch for n in notes], low, high)
    scale = set(music.scale(how.scale))
    inside = np.mean([round(n.pitch + how.transpose) % 12 in scale for n in notes])
    if inside < 0.8:
        warnings.append(f"only {inside:.0%} of the melody lies in {music.key_name} (--transpose moves it)")
    return [replace(n, pitch=n.pitch + shift) for n in notes], warnings


def _on_the_beat(score: Any, music: Music) -> Any:
    """Keep the seconds of a melody whose tempo is the backing's; lay any other on the beats from the first downbeat."""

    tempo = score.tempos[0][1]
    if abs(tempo / music.bpm - 1) < 0.02:
        return score
    down = np.flatnonzero(music.downbeats)
    first = int(down[0]) if len(down) else 0
    times = np.array([t for t, _ in score.tempos])
    beats = np.concatenate(([0.0], np.cumsum(np.diff(times) * np.array([b for _, b in score.tempos[:-1]]) / 60)))

    def place(seconds: float) -> float:
        i = int(np.searchsorted(times, seconds + 1e-9)) - 1
        return float(music.time_of(first + beats[i] + (seconds - times[i]) * score.tempos[i][1] / 60))

    notes = [replace(n, start_s=max(place(n.start_s), 0.0), end_s=place(n.end_s)) for n in score.notes]
    lyrics = [(max(place(t), 0.0), text) for t, text in score.lyrics]
    return Score([n for n in notes if n.end_s > n.start_s], lyrics=lyrics, names=score.names)


def long_enough(syllables: Any, music: Music, backing: Samples, rate: int, how: Singing) -> tuple[Music, Samples]:
    """Repeat the backing until the whole speech fits: from its first downbeat to its last, without any its beats."""
    needed = sum(s.end_s - s.start_s for s in syllables) * 4 + music.end_s
    tiled = repeat_music(music, needed)
    notes, _ = set_rhythm(syllables, tiled, start_s=how.start_s, fit="phrase")
    end_s = max((n.end_s for n in notes), default=0.0) + 1.0
    if end_s <= music.end_s:
        return music, backing
    a, b = (round(float(music.beats_s[i]) * rate) for i in loop_beats(music))
    longer = at_hand(looped(backing, a, b, round(0.02 * rate), round(end_s * rate)), channels=backing.shape[0])
    return replace(repeat_music(music, end_s), end_s=longer.shape[1] / rate), longer


def looped(backing: Samples, a: int, b: int, fade: int, length: int) -> Iterator[np.ndarray]:
    """Play up to sample `b`, then from `a` to `b` again and again, until a length: blocks (C, n)."""
    fade = min(fade, a, b - a) if a else 0
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    begin, left = 0, length
    while left:
        for start in range(begin, b, 1 << 18):
            block = backing[:, start : min(start + (1 << 18), b)][:, :left].copy()
            # What led to the first downbeat blends into the end, unless nothing follows it.
            first = max(start, b - fade)
            shared = start + block.shape[1] - first
            if shared > 0 and left > b - start:
                at = first - (b - fade)
                leading = backing[:, a - b + first : a - b + first + shared]
                part = ramp[at : at + shared]
                block[:, -shared:] = block[:, -shared:] * (1 - part) + leading * part
            yield block
            left -= block.shape[1]
            if not left:
                return
        begin = a
