"""Sung speech: in tune with the plan, on time, vowels stretched and consonants not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from audiokit.dsp.voice.intonation import Expression, draw_pitch
from audiokit.dsp.voice.melody import compose, fit_octave, harmonise, is_strong, voice_range
from audiokit.dsp.voice.plan import Plan, SungNote, check_notes, even_music
from audiokit.dsp.voice.rhythm import set_rhythm
from audiokit.dsp.voice.singing import map_time, sing_plan
from audiokit.dsp.voice.syllables import Syllable, find_syllables
from audiokit.dsp.voice.world import HOP_S, analyse_voice
from audiokit.errors import ParameterError
from tests.signals import talk

RATE = 22_050


@pytest.fixture(scope="module")
def spoken():
    y, onsets = talk(np.random.default_rng(5), syllables=12, pause_after=6)
    voice = analyse_voice(y[0], RATE)
    return y[0], voice, find_syllables(voice), onsets


def _plan(spoken, **how):
    _, voice, syllables, _ = spoken
    music = even_music(14.0, bpm=110, tonic=2, mode="minor", chords=((2, 5, 9),) * 8 + ((10, 2, 5),) * 20)
    notes, warnings = set_rhythm(syllables, music, **how)
    low, high = voice_range(voice.median_hz)
    return Plan(compose(notes, syllables, music, low=low, high=high), syllables, music, warnings)


def test_sung_pitch_is_the_plans_within_cents(spoken, rng):
    speech, voice, _, _ = spoken
    plan = _plan(spoken)
    sung = np.concatenate([*sing_plan(voice, plan, length_s=14.0, speech=speech, rng=rng)])
    heard = analyse_voice(sung, RATE, quality="best")
    errors = []
    for note in plan.notes:
        a, b = round((note.start_s + 0.06) / HOP_S), round((note.end_s - 0.06) / HOP_S)
        f0 = heard.f0_hz[a:b][heard.strong[a:b]]
        errors += (1200 * np.log2(f0 / 440) - 100 * (note.pitch - 69)).tolist()
    assert len(errors) > 300
    assert np.median(np.abs(errors)) < 15
    assert (np.abs(errors) < 50).mean() > 0.93


def test_vowels_begin_with_their_notes(spoken, rng):
    speech, voice, _, _ = spoken
    plan = _plan(spoken)
    sung = np.concatenate([*sing_plan(voice, plan, length_s=14.0, speech=speech, rng=rng)])
    again = find_syllables(analyse_voice(sung, RATE))
    late = [min(abs(s.vowel_s - n.start_s) for s in again) for n in plan.notes]
    assert np.median(late) <= 0.02 and np.mean(np.array(late) <= 0.04) >= 0.85


def test_a_vowel_is_mapped_to_the_time_of_its_note(spoken):
    _, voice, syllables, _ = spoken
    plan = _plan(spoken)
    timing = map_time(voice, plan.notes, syllables, 14.0)
    frames = np.arange(len(timing.source))
    for note in plan.notes:
        around = round(note.start_s / HOP_S) + np.array([-2, 2])
        heard = np.interp(note.start_s / HOP_S, frames[slice(*around)], timing.source[slice(*around)])
        assert heard == pytest.approx(syllables[note.syllable].vowel_s / HOP_S, abs=0.6)


@pytest.mark.parametrize("bpm, steps, stretch", [(125, 2, 1.35), (90, 4, 1.0)])
def test_slow_songs_have_sixteenths_where_speech_is_fast(bpm, steps, stretch):
    times = 0.18 * np.arange(13)
    syllables = [Syllable(a - 0.04, a, a + 0.05, b - 0.06, b - 0.04, 0, 0.5, 0) for a, b in itertools.pairwise(times)]
    notes, _ = set_rhythm(syllables, even_music(14.0, bpm=bpm))
    beats = np.array([note.start_s for note in notes]) * bpm / 60 * steps
    np.testing.assert_allclose(beats, np.round(beats), atol=1e-6)
    assert np.diff(beats).min() == pytest.approx(1)
    assert (notes[-1].start_s - notes[0].start_s) / (times[11] - times[0]) == pytest.approx(stretch, abs=0.1)


@pytest.mark.parametrize("bpm", [90, 110])
def test_syllables_of_uneven_length_keep_to_the_eighths_of_slow_songs(bpm):
    lengths = np.random.default_rng(3).uniform(0.14, 0.34, 40)
    times = np.concatenate(([0.0], np.cumsum(lengths)))
    syllables = [Syllable(a - 0.04, a, a + 0.05, b - 0.06, b - 0.04, 0, 0.5, 0) for a, b in itertools.pairwise(times)]
    music = even_music(24.0, bpm=bpm)
    eighths = 2 * music.beat_at([note.start_s for note in set_rhythm(syllables, music)[0]])
    assert np.mean(np.abs(eighths - np.round(eighths)) > 0.1) < 0.25


def test_long_and_short_syllables_share_a_beat_unevenly_rather_than_being_stretched():
    """At 110 BPM, three sixteenths and one: the words would be drawn out 1.5 times by two eighths each."""
    times = np.concatenate(([0.0], np.cumsum([0.4, 0.14] * 8)))
    syllables = [Syllable(a - 0.04, a, a + 0.05, b - 0.06, b - 0.04, 0, 0.5, 0) for a, b in itertools.pairwise(times)]
    notes, _ = set_rhythm(syllables, even_music(14.0, bpm=110))
    assert (notes[-1].start_s - notes[0].start_s) / (times[15] - times[0]) < 1.15


def test_a_melody_follows_the_speakers_intonation():
    music = even_music(8.0, bpm=120)
    said = [-5.0, 4.0, -3.0, 2.0, 5.0, -4.0, 0.0, 3.0, -2.0, 4.0, -5.0, 1.0]
    syllables = [Syllable(t, t, t, t, t, 0, 0.5, pitch) for t, pitch in enumerate(said)]
    notes = [SungNote(0.5 * i, 0.5 * i + 0.5, 60, i) for i in range(12)]
    sung = np.array([note.pitch for note in compose(notes, syllables, music, low=50, high=70)]) - 60
    assert np.corrcoef(sung, said)[0, 1] > 0.8
    assert np.abs(sung - said).mean() < 2


def test_short_notes_that_share_a_strong_beat_take_tones_of_its_chord():
    chords = ((0, 4, 7),) * 16
    music = even_music(8.0, bpm=96, chords=chords)
    syllables = [Syllable(t, t, t, t, t, 0, 0.5, pitch) for t, pitch in enumerate([2.0, 2.0, -1.0, 2.0] * 8)]
    notes = [SungNote(0.15625 * i, 0.15625 * (i + 1), 60, i) for i in range(32)]
    sung = compose(notes, syllables, music, low=53, high=67)
    shared = [note for i, note in enumerate(sung) if i % 8 < 2]
    assert np.mean([note.pitch % 12 in chords[0] for note in shared]) >= 0.9
    assert np.mean([note.pitch % 12 in chords[0] for note in sung]) < 0.9


def test_notes_begin_on_beats_or_eighths_in_the_key(spoken):
    plan = _plan(spoken)
    beats = plan.music.beat_at([n.start_s for n in plan.notes]) * 2
    np.testing.assert_allclose(beats, np.round(beats), atol=1e-6)
    assert {n.pitch % 12 for n in plan.notes} <= set(plan.music.scale())
    strong = [n for n in plan.notes if is_strong(n, plan.music)]
    assert strong and np.mean([n.pitch % 12 in plan.music.chord_at(n.start_s) for n in strong]) >= 0.7
    assert plan.notes[-1].pitch % 12 == 2
    steps = np.abs(np.diff([n.pitch for n in plan.notes]))
    assert np.median(steps) <= 4 and steps.max() <= 12


def test_a_note_held_over_a_bar_line_fits_the_chord_that_comes(spoken):
    """Notes that begin off the beat and sound on the next downbeat take a tone of its chord; shorter ones need not."""
    _, _, syllables, _ = spoken
    music = even_music(24.0, bpm=120, chords=(((0, 4, 7),) * 4 + ((5, 9, 0),) * 4) * 6)
    notes = [SungNote(1.75 + 2 * k, 2.75 + 2 * k, 60, 0) for k in range(8)]
    sung = compose(notes, syllables, music, low=48, high=60)
    assert all(n.pitch % 12 in music.chord_at(round(n.start_s + 0.25)) for n in sung)
    brief = [replace(n, end_s=n.start_s + 0.29) for n in notes]  # over before it is heard
    sung = compose(brief, syllables, music, low=48, high=60)
    assert not all(n.pitch % 12 in music.chord_at(round(n.start_s + 0.25)) for n in sung)


def test_cheapest_path_is_found_and_see_saws_cost(rng):
    """Against every possible melody of four notes over five pitches."""
    from itertools import product

    from audiokit.dsp.voice import melody

    pitches = np.array([60, 62, 64, 65, 67])
    table = np.array([*melody._STEP_COST, 6.0])
    for _ in range(5):
        costs = rng.random((4, 5))

        def price(path, costs=costs):
            moves = sum(table[min(13, abs(pitches[b] - pitches[a]))] for a, b in itertools.pairwise(path))
            back = sum(a == c != b for a, b, c in zip(path, path[1:], path[2:], strict=False))
            return moves + costs[range(4), path].sum() + melody._SEESAW_COST * back

        best = min(product(range(5), repeat=4), key=lambda path: price(list(path)))
        assert price(melody._viterbi(costs, pitches, None)) == pytest.approx(price(list(best)))


def test_only_vowels_are_stretched(spoken):
    _, voice, syllables, onsets = spoken
    plan = _plan(spoken)
    timing = map_time(voice, plan.notes, syllables, 14.0)
    pace = np.diff(timing.source)  # source frames per output frame
    here = timing.source[:-1] * HOP_S
    burst = np.zeros(len(pace), bool)
    vowel = np.zeros(len(pace), bool)
    for onset in onsets:
        burst |= (here > onset - 0.045) & (here < onset - 0.005)
        vowel |= (here > onset + 0.04) & (here < onset + 0.11)
    assert np.nanmedian(pace[burst]) == pytest.approx(1.0, abs=0.05)
    assert np.nanmin(pace[burst]) > 1 / 1.3
    assert np.nanmean(pace[vowel]) < 0.6


def test_the_end_of_a_phrase_is_sung_whole(spoken):
    _, voice, syllables, _ = spoken
    plan = _plan(spoken)
    last = [n for n, after in itertools.pairwise([*plan.notes, None]) if after is None or after.phrase != n.phrase]
    assert len(last) > 1
    for shorter in (0.0, 0.1):  # also where the note is too short for it: it goes on into the rest
        notes = [replace(n, end_s=n.end_s - shorter) if n in last else n for n in plan.notes]
        timing = map_time(voice, notes, syllables, 14.0)
        for note in last:
            sung = timing.source[(timing.note >= 0) & (timing.note == plan.notes.index(note))] * HOP_S
            assert sung.max() > syllables[note.syllable].end_s - 0.02


def test_rests_are_silent_and_nothing_clicks(spoken, rng):
    speech, voice, _, _ = spoken
    plan = _plan(spoken)
    sung = np.concatenate([*sing_plan(voice, plan, length_s=14.0, speech=speech, rng=rng)])
    assert len(sung) == 14 * RATE and np.isfinite(sung).all()
    silent = map_time(voice, plan.notes, plan.syllables, 14.0).note < 0
    assert silent.any()
    loud = np.abs(sung).reshape(-1, round(HOP_S * RATE) if RATE % 200 == 0 else 1)
    frames = np.minimum((np.arange(len(loud)) / RATE / HOP_S).astype(int), len(silent) - 1)
    inner = np.convolve(silent, np.ones(5), "same") == 5
    assert np.abs(sung[inner[frames]]).max() == 0
    assert np.abs(np.diff(sung)).max() < 2.5 * np.abs(np.diff(speech)).max()


def test_pitch_correction_moves_between_speech_and_plan(spoken, rng):
    _, voice, syllables, _ = spoken
    plan = _plan(spoken)
    timing = map_time(voice, plan.notes, syllables, 14.0)
    steady = Expression(drift_cents=0, vibrato_cents=0)
    curves = [draw_pitch(voice, plan.notes, timing, expression=Expression(c, 1, 0, 5, 0), rng=rng) for c in (0, 0.5, 1)]
    np.testing.assert_allclose(curves[1], (curves[0] + curves[2]) / 2, atol=1e-9)
    spoken_median = 69 + 12 * np.log2(voice.median_hz / 440)
    assert abs(np.median(curves[0][timing.note >= 0]) - spoken_median) < 1.0
    assert steady.pitch_correction == 1.0


def test_vibrato_only_on_held_notes(spoken, rng):
    _, voice, syllables, _ = spoken
    notes = [SungNote(0.5, 0.8, 60, 0), SungNote(0.8, 2.4, 62, 1)]
    timing = map_time(voice, notes, syllables, 3.0)
    curve = draw_pitch(voice, notes, timing, expression=Expression(drift_cents=0), rng=rng)
    held = curve[round(1.3 / HOP_S) : round(2.1 / HOP_S)] - 62
    assert held.max() == pytest.approx(0.35, abs=0.03) and held.min() == pytest.approx(-0.35, abs=0.03)
    crossings = np.sum(np.diff(np.sign(held)) != 0) / 2 / 0.8
    assert 4.5 < crossings < 6.6
    before = curve[round(0.55 / HOP_S) : round(0.7 / HOP_S)] - 60
    assert np.abs(before).max() < 0.2


def test_formants_stay_when_pitch_moves(spoken, rng):
    _speech, voice, syllables, _ = spoken
    plain = Expression(formant_db=0, drift_cents=0)
    ends = []
    for pitch in (45.0, 57.0):
        notes = [SungNote(1.0, 2.0, pitch, 0)]  # the first vowel has formants at 730 and 1090 Hz
        plan = Plan(notes, syllables, even_music(3.0))
        sung = np.concatenate([*sing_plan(voice, plan, length_s=3.0, expression=plain, rng=rng)])
        heard = analyse_voice(sung, RATE)
        ends.append(10 * np.log10(heard.envelope[round(1.4 / HOP_S)][20:300]))
    a, b = (e - e.mean() for e in ends)
    assert np.corrcoef(a, b)[0, 1] > 0.9


@pytest.mark.parametrize(("fit", "phrases"), [("phrase", 1), ("trim", 2)])
def test_speech_longer_than_the_backing(spoken, fit, phrases):
    _, _voice, syllables, _ = spoken
    music = even_music(5.5, bpm=110)
    notes, warnings = set_rhythm(syllables, music, fit=fit)
    assert len({n.phrase for n in notes}) == phrases
    assert all(n.end_s <= 5.5 for n in notes)
    left = [s for i, s in enumerate(syllables) if i not in {n.syllable for n in notes}]
    assert left, "the speech is too short for this test"
    where = "after 1 of 2 phrases" if fit == "phrase" else "within phrase 2 of 2 phrases"
    assert f"{where} of the speech: seconds {left[0].start_s:.1f} to {left[-1].end_s:.1f} of it" in warnings[0]


def test_loop_sings_the_phrases_again_until_the_end(spoken):
    _, _, syllables, _ = spoken
    notes, warnings = set_rhythm(syllables, even_music(40.0, bpm=110), fit="loop")
    assert notes[-1].start_s > 30 and not warnings
    assert [n.syllable for n in notes[:12]] == [n.syllable for n in notes[12:24]]


def test_second_voice_stays_in_the_scale():
    music = even_music(4.0, tonic=0)
    notes = [SungNote(i, i + 1, p, 0) for i, p in enumerate((60, 62, 64, 71))]
    assert [n.pitch for n in harmonise(notes, music, "third")] == [64, 65, 67, 74]
    assert [n.pitch for n in harmonise(notes, music, "fifth")] == [67, 69, 71, 77]
    assert [n.pitch for n in harmonise(notes, music, "octave")] == [72, 74, 76, 83]


def test_edited_notes_are_checked():
    with pytest.raises(ParameterError, match="syllable 7"):
        check_notes([SungNote(0, 1, 60, 7)], 3)
    with pytest.raises(ParameterError, match="outside 24"):
        check_notes([SungNote(0, 1, 200, 0)], 3)
    with pytest.raises(ParameterError, match="end after the start"):
        check_notes([SungNote(1, 1, 60, 0)], 3)


def test_octave_and_range():
    assert fit_octave([60, 62], 58, 70) == 0 and fit_octave([60, 62], 68, 80) == 12
    low, high = voice_range(220.0)
    assert (low + high) / 2 == pytest.approx(57)
    with pytest.raises(ParameterError, match="scale"):
        even_music(1.0).scale("klingon")
    with pytest.raises(ParameterError, match="BPM"):
        even_music(1.0, bpm=5)
