"""A note's description says what is in the note, and renders back to it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from audiokit.dsp.notes import wander
from audiokit.dsp.notes.additive import level_at, note_blocks
from audiokit.dsp.notes.bands import N_BANDS
from audiokit.dsp.notes.notes import (
    N_GROUPS,
    N_HALVES,
    RELEASE_S,
    SINGLE,
    NoteShape,
    analyse_note,
    midi_to_hz,
    slots,
    sum_partials,
)
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S
from audiokit.errors import InputError, ParameterError
from tests.note_sets import rendered

RATE = 32000
FRAMES = len(HELD_S) + len(RELEASE_S)


def tone(pitch, levels_db, *, seconds=4.0, held=3.0, decay_db_s=0.0, stretch=0.0, attack=0.01, rate=RATE):
    """A note with known partials."""
    t = np.arange(round(seconds * rate)) / rate
    ratios = slots(len(levels_db), stretch)
    y = sum(
        10 ** (db / 20) * np.cos(2 * np.pi * r * midi_to_hz(pitch) * t + r)
        for r, db in zip(ratios, levels_db, strict=True)
    )
    shape = np.clip(t / attack, 0, 1) * 10 ** (-decay_db_s * t / 20) * np.where(t < held, 1, 10 ** (-(t - held) * 5))
    return (y * shape).astype(np.float32)


def shape_of(levels_db, *, noise_db=FLOOR_DB, **motion):
    """A description by hand: steady partials, released by 100 dB a second."""
    partials = np.full((N_GROUPS, FRAMES), FLOOR_DB)
    partials[: len(levels_db)] = np.array(levels_db)[:, None]
    partials[:, len(HELD_S) :] = np.maximum(partials[:, :1] - 100 * RELEASE_S, FLOOR_DB)
    values = {
        "stretch": 0.0, "beating_db": np.zeros(N_GROUPS), "beating_hz": 3.0, "tremolo_db": 0.0, "tremolo_hz": 5.0,
        "vibrato_cents": 0.0, "vibrato_hz": 5.5,
    }  # fmt: skip
    return NoteShape(partials, np.full((N_BANDS, FRAMES), noise_db), np.zeros(SINGLE), **{**values, **motion})


def frequency_of(y, rate, near):
    """Frequency of the strongest partial within a semitone of a guess, by a parabola over a long spectrum."""
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 8 * len(y)))
    step = rate / (8 * len(y))
    low, high = int(near / 1.06 / step), int(near * 1.06 / step) + 1
    k = low + int(spectrum[low:high].argmax())
    a, b, c = np.log(spectrum[k - 1 : k + 2])
    return (k + 0.5 * (a - c) / (a - 2 * b + c)) * step


@pytest.mark.parametrize("pitch", [28, 45, 60, 76, 91])
def test_levels_of_partials_are_measured(pitch):
    levels = [-12.0, -20.0, -15.0, -40.0, -30.0]
    shape = analyse_note(tone(pitch, levels), RATE, pitch, held_s=3.0)
    middle = shape.partials_db[:5, 40]
    assert np.abs(middle - levels).max() < 0.5
    assert shape.partials_db[5, 40] < -75
    assert abs(shape.detune_cents) < 1


@pytest.mark.parametrize("cents", [-40.0, 25.0])
def test_a_detuned_note_is_described_at_its_own_pitch(cents):
    shape = analyse_note(tone(60 + cents / 100, [-10, -12, -14, -20]), RATE, 60, held_s=3.0)
    assert abs(shape.detune_cents - cents) < 1.5
    assert np.abs(shape.partials_db[:4, 40] - [-10, -12, -14, -20]).max() < 0.5


def test_stretched_partials_are_found():
    shape = analyse_note(tone(40, [-20.0] * 24, stretch=4e-4), RATE, 40, held_s=3.0)
    found = (slots(24, shape.stretch) + shape.deviation[:24]) * 2 ** (shape.detune_cents / 1200)
    assert np.abs(1200 * np.log2(found / slots(24, 4e-4))).max() < 2
    assert np.abs(shape.partials_db[:24, 40] + 20).max() < 1.0


def test_a_bell_keeps_its_inharmonic_partials():
    t = np.arange(3 * RATE) / RATE
    ratios = [1.0, 2.76, 5.40]
    y = sum(0.1 * np.sin(2 * np.pi * r * midi_to_hz(72) * t) for r in ratios).astype(np.float32) * 10 ** (-t / 2)
    shape = analyse_note(y.astype(np.float32), RATE, 72)
    again = rendered(shape, 72, held_s=2.0, rate=RATE, rng=np.random.default_rng(0))
    for ratio in ratios:
        wanted = ratio * midi_to_hz(72)
        assert abs(1200 * np.log2(frequency_of(again[:RATE], RATE, wanted) / wanted)) < 5


def test_decay_and_release_are_measured():
    shape = analyse_note(tone(57, [-10.0], decay_db_s=10.0), RATE, 57, held_s=3.0)
    held = shape.partials_db[0, : len(HELD_S)]
    assert np.abs(held[10:] - (-10 - 10 * HELD_S[10:])).max() < 0.7
    release = shape.partials_db[0, len(HELD_S) :]
    assert release[8] < release[0] - 10 * RELEASE_S[8] * 5 / 5


def test_a_sharp_attack_stays_sharp_at_the_lowest_pitch():
    y = tone(28, [-12.0] * 12, attack=0.002)
    shape = analyse_note(y, RATE, 28, held_s=3.0)
    again = rendered(shape, 28, held_s=3.0, rate=RATE, rng=np.random.default_rng(0))
    first = np.sqrt((again[: int(0.05 * RATE)] ** 2).mean())
    later = np.sqrt((again[RATE : 2 * RATE] ** 2).mean())
    assert first > 0.5 * later  # the analysis window alone is 97 ms long and would give a slow fade-in


def test_tones_halfway_between_partials_are_measured_and_rendered(rng):
    t = np.arange(4 * RATE) / RATE
    f0 = midi_to_hz(72)
    y = 0.1 * (np.sin(2 * np.pi * f0 * t) + np.sin(np.pi * f0 * t) + 0.5 * np.sin(3 * np.pi * f0 * t))
    y = (y * np.where(t < 3, 1, 10 ** (-5 * (t - 3))) + 1e-5 * rng.standard_normal(len(t))).astype(np.float32)
    shape = analyse_note(y, RATE, 72, held_s=3.0)
    assert np.abs(shape.halves_db[:2, 40] - [-20, -26]).max() < 0.5
    assert shape.halves_db[2, 40] < -75
    assert (10 * np.log10((10 ** (shape.noise_db[:, 40] / 10)).sum())) < -60
    again = rendered(shape, 72, rate=RATE, rng=np.random.default_rng(0))
    assert abs(frequency_of(again[:RATE], RATE, f0 / 2) - f0 / 2) < 1
    assert analyse_note(y, RATE, 72, held_s=3.0).halves_db.shape == (N_HALVES, FRAMES)


def test_a_release_quicker_than_its_first_point_is_rendered():
    levels = np.full((1, FRAMES), -20.0)
    levels[:, len(HELD_S) :] = FLOOR_DB  # gone before the first point after the release
    times = np.array([2.9, 3.0, 3.05, 3.5])
    assert np.allclose(level_at(levels, times, 3.0)[0, :2], -20)
    assert (level_at(levels, times, 3.0)[0, 2:] < -80).all()


def test_noise_is_told_from_partials(rng):
    noise = 0.01 * rng.standard_normal(4 * RATE).astype(np.float32)
    shape = analyse_note(tone(69, [-15.0, -30.0]) + noise, RATE, 69, held_s=3.0)
    total = 10 * np.log10((10 ** (shape.noise_db[:, 40] / 10)).sum())
    assert abs(total - (-40)) < 1.5
    quiet = analyse_note(tone(69, [-15.0, -30.0]), RATE, 69, held_s=3.0)
    assert (10 * np.log10((10 ** (quiet.noise_db[:, 40] / 10)).sum())) < -70


def test_vibrato_and_tremolo_are_measured():
    t = np.arange(4 * RATE) / RATE
    phase = 2 * np.pi * 440 * (t - 0.012 / (2 * np.pi * 5.5) * np.cos(2 * np.pi * 5.5 * t))
    shape = analyse_note((0.2 * np.sin(phase)).astype(np.float32), RATE, 69, held_s=3.9)
    assert abs(shape.vibrato_hz - 5.5) < 0.3
    assert abs(shape.vibrato_cents - 1200 * np.log2(1.012)) < 4
    y = (0.2 * (1 + 0.3 * np.sin(2 * np.pi * 6 * t)) * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    shape = analyse_note(y, RATE, 69, held_s=3.9)
    assert abs(shape.tremolo_hz - 6) < 0.3
    assert abs(shape.tremolo_db - 20 * np.log10(1.3)) < 0.5


def test_a_short_recording_goes_on_as_it_went():
    shape = analyse_note(tone(57, [-10.0], decay_db_s=15.0)[: int(0.8 * RATE)], RATE, 57)
    at_two = np.interp(2.0, HELD_S, shape.partials_db[0, : len(HELD_S)])
    assert abs(at_two - (-40)) < 6


def test_the_input_is_left_alone():
    y = tone(60, [-10.0, -20.0])
    before = y.copy()
    analyse_note(y, RATE, 60, held_s=3.0)
    assert (y == before).all()


def test_what_cannot_be_analysed_is_refused():
    with pytest.raises(InputError, match="silent"):
        analyse_note(np.zeros(RATE, np.float32), RATE, 60)
    with pytest.raises(InputError, match="50 ms"):
        analyse_note(np.ones(100, np.float32), RATE, 60)
    with pytest.raises(ParameterError, match="half of the sample rate"):
        analyse_note(np.ones(8000, np.float32), 8000, 120)


@pytest.mark.parametrize("pitch", [24, 60.5, 96])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_rendered_pitch_is_exact(pitch, rate):
    y = rendered(shape_of([-10, -12, -20]), pitch, held_s=2.0, rate=rate, rng=np.random.default_rng(1))
    measured = frequency_of(y[: 2 * rate], rate, midi_to_hz(pitch))
    assert abs(1200 * np.log2(measured / midi_to_hz(pitch))) < 0.5
    assert len(y) == 3 * rate


def test_description_and_rendering_agree(rng):
    y = tone(52, [-12, -18, -16, -30, -25, -35, -40], decay_db_s=6.0) + 0.002 * rng.standard_normal(4 * RATE).astype(
        np.float32
    )
    first = analyse_note(y, RATE, 52, held_s=3.0)
    again = analyse_note(rendered(first, 52, rate=RATE, rng=rng), RATE, 52, held_s=3.0)
    assert np.abs(first.partials_db[:7, 5:70] - again.partials_db[:7, 5:70]).max() < 2.5
    # Part of the noise under the partials is counted as theirs, so a second analysis finds a little less.
    assert np.abs(first.noise_db[1:, 10:60].mean(1) - again.noise_db[1:, 10:60].mean(1)).max() < 5


def test_vibrato_sways_the_pitch_and_keeps_its_mean():
    y = rendered(shape_of([-10], vibrato_cents=30.0), 69, held_s=3.5, rate=RATE, rng=np.random.default_rng(2))
    shape = analyse_note(y, RATE, 69, held_s=3.4)
    assert abs(shape.vibrato_cents - 30) < 5
    assert abs(shape.detune_cents) < 4


def test_a_longer_note_goes_on_and_a_release_falls():
    steady = shape_of([-10.0])
    y = rendered(steady, 60, held_s=8.0, rate=16000, rng=np.random.default_rng(0))
    at = lambda s: 20 * np.log10(np.sqrt((y[int(s * 16000) : int((s + 0.1) * 16000)] ** 2).mean()) + 1e-9)  # noqa: E731
    assert abs(at(7.5) - at(1.0)) < 0.5
    assert at(8.3) < at(7.5) - 20
    assert at(8.9) < -80
    dying = shape_of([-10.0])
    dying.partials_db[0, : len(HELD_S)] = -10 - 12 * HELD_S
    level = level_at(dying.partials_db, np.array([1.0, 5.0]), 6.0)[0]
    assert np.abs(level - [-22, -70]).max() < 1.5


def test_a_note_of_any_length_is_made_in_as_little_memory():
    shape, peaks = shape_of([-10.0] * 4, vibrato_cents=20.0), []
    for seconds in (100.0, 400.0):
        tracemalloc.start()
        for _ in note_blocks(shape, 60, held_s=seconds, rate=16000, rng=np.random.default_rng(0)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


def test_curves_that_are_drawn_on_are_those_that_are_drawn_at_once(monkeypatch):
    times = np.arange(0.0, 60.0, 0.004)
    once = np.random.default_rng(7)
    monkeypatch.setattr(wander, "_HELD", 10_000)
    whole = wander.Wander(3, times[-1], 2.0, once).at(times)
    monkeypatch.setattr(wander, "_HELD", 0)
    in_parts = np.random.default_rng(7)
    curves = wander.Wander(3, times[-1], 2.0, in_parts)
    parts = [curves.at(times[a : a + 1001]) for a in range(0, len(times), 1000)]
    np.testing.assert_array_equal(np.concatenate([part[:, :1000] for part in parts], axis=1), whole)
    assert once.random() == in_parts.random()


def test_no_click_and_no_direct_current():
    y = rendered(shape_of([-10, -20], noise_db=-70.0), 40, held_s=1.0, rate=44100, rng=np.random.default_rng(3))
    assert abs(y.mean()) < 1e-3
    assert abs(y[-1]) < 1e-4
    steps = np.abs(np.diff(y))
    assert steps.max() < 3 * np.percentile(steps[2000:40000], 99.5)


def test_same_generator_same_bytes():
    one, two = (rendered(shape_of([-10], noise_db=-60), 60, held_s=0.5, rng=np.random.default_rng(7)) for _ in range(2))
    assert (one == two).all()
    other = rendered(shape_of([-10], noise_db=-60), 60, held_s=0.5, rng=np.random.default_rng(8))
    assert not (one == other).all()


def test_blocks_join_without_a_seam():
    cycles = np.array([0.01, 0.123])
    hop, count = 64, 20
    phase = np.exp(2j * np.pi * np.outer(cycles, np.arange(count) * hop))
    y = sum_partials(phase, cycles, hop)
    assert np.abs(y - np.cos(2 * np.pi * np.outer(cycles, np.arange(len(y)))).sum(0)).max() < 1e-4
