"""One vocal: what is sung when and how high is decided in a plan, and WORLD sings it; or the network does.

The other engine is the VocalCycleGAN, which maps mel columns without a plan; "both" lets it refine what the first sang.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audiokit.dsp.spectrum.samples import Samples, blocks_of
from audiokit.dsp.voice.backing import hear_music
from audiokit.dsp.voice.intonation import Expression
from audiokit.dsp.voice.melody import compose, harmonise, voice_range
from audiokit.dsp.voice.plan import Music, Plan, SungNote, check_notes, even_music
from audiokit.dsp.voice.rhythm import set_rhythm
from audiokit.dsp.voice.singing import sing_plan
from audiokit.dsp.voice.syllables import find_syllables
from audiokit.dsp.voice.world import Voice, analyse_voice
from audiokit.engine.spool import at_hand
from audiokit.errors import InputError, ParameterError
from audiokit.io.plan import read_plan
from audiokit.stages.sing.levels import Sung, balance, one_voice, resample_blocks
from audiokit.stages.sing.melody import given_melody, long_enough
from audiokit.stages.sing.settings import Singing, read_range


@dataclass(frozen=True)
class Given:
    """What is not left to the program.

    Attributes:
        lyrics: what is said, if it is known.
        melody: an `audiokit.io.midi.Score` to sing instead of a composed melody.
        guide: a hummed melody (audio (C, T), rate) to sing instead.
        plan: a Plan, or a path of one (.json, .mid), to sing as it is.
    """

    lyrics: str = ""
    melody: Any = None
    guide: tuple[np.ndarray, int] | None = None
    plan: Any = None


def sing_over(
    speech: Samples,
    rate: int,
    backing: Samples,
    backing_rate: int,
    *,
    how: Singing,
    given: Given | None = None,
    tell: Callable[[str], object] | None = None,
) -> Sung:
    """Turn speech into a sung vocal that fits a backing.

    Args:
        speech: audio (C, T), float32: an array, or what takes parts of it from a file.
        rate: its sample rate in Hz.
        backing: audio (C, T), float32, likewise.
        backing_rate: its sample rate in Hz.
        how: engine and expression.
        given: lyrics, melody, guide or plan.
        tell: called with what will be sung, before it is, where that is not all of the speech.

    Returns:
        The vocal, its plan and the backing.

    Raises:
        InputError: the speech holds no voice.
        ParameterError: an option is out of range.
    """
    if how.engine == "gan":
        from audiokit.stages.sing.network import sing_with_network

        return balance(sing_with_network(speech, rate, backing, backing_rate, how), how)
    sung = _sing_with_world(speech, rate, backing, backing_rate, how, given or Given(), tell)
    if how.engine == "both":
        from audiokit.stages.sing.network import refine

        sung = refine(sung, how)
    return balance(sung, how)


def _sing_with_world(
    speech: Samples,
    rate: int,
    backing: Samples,
    backing_rate: int,
    how: Singing,
    given: Given,
    tell: Callable[[str], object] | None,
) -> Sung:
    mono, rate = one_voice(speech, rate)
    voice = analyse_voice(mono, rate, quality=how.quality, keep=False)
    syllables = find_syllables(voice, lyrics=given.lyrics)
    if not syllables or voice.strong.sum() < 10:
        raise InputError("no voiced speech found", hint="give a recording of someone speaking, without music")
    own_music = isinstance(given.plan, Plan) or str(given.plan).lower().endswith(".json")
    music = even_music(1.0) if own_music else hear_music(backing, backing_rate, bpm=how.bpm, key=how.key)
    if given.plan is not None:
        chosen = given.plan
        if not isinstance(chosen, Plan):
            chosen = read_plan(chosen, syllables=syllables, music=music)
        music = chosen.music
        if max((s.end_s for s in chosen.syllables), default=0.0) > len(mono) / rate + 0.05:
            raise ParameterError(
                "the plan's syllables lie beyond the speech", hint="is it a plan for another recording?"
            )
    else:
        if how.fit == "loop":
            music, backing = long_enough(syllables, music, backing, backing_rate, how)
        chosen = _make_plan(voice, syllables, music, how, given)
    expression = Expression(
        pitch_correction=how.pitch_correction,
        portamento=how.portamento,
        vibrato_cents=how.vibrato_cents,
        formant_db=how.formant_db,
        breath=how.breath,
        evenness=how.evenness,
    )
    length_s = backing.shape[1] / backing_rate
    chosen = within(chosen, length_s)
    if tell and chosen.warnings and not _is_whole(chosen):
        tell(will_sing(chosen))
    rng = np.random.default_rng(how.seed)
    arguments: dict[str, Any] = {"length_s": length_s, "expression": expression, "rng": rng}
    voices = [_kept(sing_plan(voice, chosen, speech=mono, **arguments))]
    for interval in how.harmony:
        second = replace_notes(chosen, harmonise(chosen.notes, music, interval, scale=how.scale))
        voices.append(_kept(sing_plan(voice, second, **arguments)))
    together = _choir(voices, later=round(0.012 * rate))
    vocal = resample_blocks(together, rate, backing_rate, backing.shape[1])
    return Sung(vocal, backing_rate, backing, chosen, [*music.notes, *chosen.warnings])


def _kept(blocks: Iterator[np.ndarray]) -> Samples:
    return at_hand((block[None] for block in blocks), channels=1)


def _choir(voices: list[Samples], *, later: int) -> Iterator[np.ndarray]:
    """Add voices (1, T) up, all but the first softer and so many samples later: blocks (1, n)."""
    at = 0
    for block in blocks_of(voices[0]):
        y, stop = block.copy(), at + block.shape[1]
        for voice in voices[1:]:
            heard = voice[:, max(at - later, 0) : max(stop - later, 0)]
            y[:, y.shape[1] - heard.shape[1] :] += 0.45 * heard
        yield y
        at = stop


def replace_notes(plan: Plan, notes: list[SungNote]) -> Plan:
    """Give a plan other notes."""
    return Plan(notes, plan.syllables, plan.music, plan.warnings)


def within(plan: Plan, length_s: float) -> Plan:
    """Leave out the notes of a plan that begin after the end of the backing, and say so.

    >>> from audiokit.dsp.voice.plan import even_music
    >>> within(Plan([SungNote(1, 2, 60, 0), SungNote(4, 5, 60, 0)], [], even_music(6.0)), 3.0).warnings
    ['1 of 2 notes begin after the end of the backing, at 3.0 s, and are not sung']
    """
    notes = [note for note in plan.notes if note.start_s < length_s]
    late = len(plan.notes) - len(notes)
    if not late:
        return plan
    said = (
        f"{late} of {len(plan.notes)} notes begin after the end of the backing, at {length_s:.1f} s, and are not sung"
    )
    return replace(plan, notes=notes, warnings=[*plan.warnings, said])


def _is_whole(plan: Plan) -> bool:
    return len({note.syllable for note in plan.notes}) == len(plan.syllables)


def will_sing(plan: Plan) -> str:
    """Say in one line what of the speech a plan sings, and where."""
    sung = sorted({note.syllable for note in plan.notes})
    if not sung:
        return "nothing will be sung"
    first, last = plan.syllables[sung[0]].start_s, plan.syllables[sung[-1]].end_s
    return (
        f"singing {len(sung)} of {len(plan.syllables)} syllables, seconds {first:.1f} to {last:.1f} of the speech, "
        f"from {plan.notes[0].start_s:.1f} to {plan.end_s:.1f} s of the backing"
    )


def _make_plan(voice: Voice, syllables: Any, music: Music, how: Singing, given: Given) -> Plan:

    low, high = voice_range(voice.median_hz) if how.range == "auto" else read_range(how.range)
    if given.melody is not None or given.guide is not None:
        notes, warnings = given_melody(syllables, music, how, given.melody, given.guide, low, high)
    else:
        notes, warnings = set_rhythm(syllables, music, start_s=how.start_s, fit=how.fit)
        rng = np.random.default_rng([how.seed, 1]) if how.seed else None
        notes = compose(notes, syllables, music, low=low, high=high, scale=how.scale, rng=rng)
    if not notes:
        raise InputError(
            "the backing is too short for a single phrase of the speech",
            hint="add --fit loop to repeat it, --fit trim to sing the beginning, or use a longer backing",
        )
    notes = [replace(note, pitch=note.pitch + how.transpose) for note in notes]
    return Plan(check_notes(notes, len(syllables)), syllables, music, warnings)
