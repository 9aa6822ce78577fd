"""Melodies that are given (MIDI, or hummed), and a backing long enough for all that is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from audiokit.dsp.voice.guide import hear_melody, snap
from audiokit.dsp.voice.melody import fit_octave
from audiokit.dsp.voice.plan import Music, SungNote, loop_beats, repeat_music
from audiokit.dsp.voice.rhythm import set_rhythm
from audiokit.dsp.voice.world import analyse_voice
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


def long_enough(syllables: Any, music: Music, backing: np.ndarray, rate: int, how: Singing) -> tuple[Music, np.ndarray]:
    """Repeat the backing until the whole speech fits: from its first downbeat to its last, without any its beats."""

    needed = sum(s.end_s - s.start_s for s in syllables) * 4 + music.end_s
    tiled = repeat_music(music, needed)
    notes, _ = set_rhythm(syllables, tiled, start_s=how.start_s, fit="phrase")
    end_s = max((n.end_s for n in notes), default=0.0) + 1.0
    if end_s <= music.end_s:
        return music, backing
    a, b = (round(float(music.beats_s[i]) * rate) for i in loop_beats(music))
    fade = min(round(0.02 * rate), a, b - a) if a else 0
    parts, total = [backing[:, :b].copy()], b
    while total < end_s * rate:
        piece = backing[:, a:b].copy()
        if fade:  # what led to the first downbeat blends into it
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            parts[-1][:, -fade:] = parts[-1][:, -fade:] * (1 - ramp) + backing[:, a - fade : a] * ramp
        parts.append(piece)
        total += piece.shape[1]
    size = round(end_s * rate)
    longer = np.concatenate(parts, axis=1)[:, :size]
    return replace(repeat_music(music, end_s), end_s=longer.shape[1] / rate), longer
