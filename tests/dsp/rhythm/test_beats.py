"""Beats, downbeats, attacks: known patterns, edges, invariances."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from audiokit.dsp.rhythm.beats import Beats, beat_confidence, refine, track_beats, whittaker, with_shifts
from audiokit.dsp.rhythm.level import level_scores
from audiokit.dsp.rhythm.metre import FEATURES
from audiokit.dsp.rhythm.onsets import _struck, attack_candidates, attack_times, onset_curves
from audiokit.dsp.rhythm.tempo import beat_path, beat_paths, steady_path
from audiokit.dsp.spectrum.medians import running_median
from audiokit.errors import InputError, ParameterError
from tests import signals
from tests.drums import pattern
from tests.full_songs import beatless, full_song
from tests.swung import song


def f_measure(truth, found, within=0.07):
    """Part of the beats that have a partner (one each)."""
    if not len(truth) or not len(found):
        return 0.0
    distance = np.abs(truth[:, None] - found[None, :])
    near = distance.argmin(axis=1)
    hits = len({int(j) for i, j in enumerate(near) if distance[i, j] <= within})
    return 2 * hits / (len(truth) + len(found))


def offset_ms(truth, found):
    distance = found - truth[np.abs(truth[:, None] - found[None, :]).argmin(axis=0)]
    return 1000 * float(distance[np.abs(distance) < 0.07].mean())


@pytest.mark.parametrize(
    ("style", "bpm", "more"),
    [
        ("rock", 90, {}),
        ("rock2", 128, {"fills": True}),
        ("floor", 124, {"music": True}),
        ("quarter", 100, {"ramp": 0.15}),
        ("rock", 116, {"swing": 0.62}),
        ("swing", 150, {"swing": 0.65}),
        ("funk", 104, {"human_s": 0.003}),
        ("waltz", 140, {}),
    ],
)
def test_patterns(style, bpm, more):
    made = pattern(style, bpm, 901, seconds=14, **more)
    beats = track_beats(made.y, made.rate)
    assert f_measure(made.beats_s, beats.times_s) >= 0.95
    assert abs(offset_ms(made.beats_s, beats.times_s)) < 3.0
    if not more.get("ramp"):
        assert abs(beats.tempo_bpm / bpm - 1) < 0.005
    assert beats.confidence > 0.3


@pytest.mark.parametrize(("name", "bpm"), [("pop", 112), ("trio", 126)])
def test_syncopated_songs_are_not_heard_in_half_time_or_off_the_beat(name, bpm):
    folder = str(Path(__file__).parents[3] / "examples/songs")
    spec = importlib.util.spec_from_file_location("make_songs", f"{folder}/make_songs.py")
    make_songs = importlib.util.module_from_spec(spec)
    sys.modules["make_songs"] = make_songs
    spec.loader.exec_module(make_songs)
    stems, beats_s = make_songs.compose(make_songs.STYLES[name], 16, 1)
    beats = track_beats(sum(stems.values()), make_songs.RATE)
    assert abs(beats.tempo_bpm / bpm - 1) < 0.005
    assert f_measure(beats_s, beats.times_s, within=0.02) >= 0.9


@pytest.mark.parametrize(("bpm", "swing"), [(93, 0.5), (112, 0.5), (112, 0.6), (133, 0.5), (168, 0.5)])
def test_the_bass_tells_beats_from_chords_that_come_early(bpm, swing):
    made = song(bpm, swing=swing, drums=False, seed=2)
    beats = track_beats(made.y, made.rate)
    assert f_measure(made.beats_s, beats.times_s) > 0.9


def test_off_beats_are_found_where_swing_puts_them():
    curve = np.full(1000, -0.1)
    curve[0::50] = 3
    curve[31::50] = 4
    starts = [path[0] for path in with_shifts(curve, np.arange(31.0, 1000, 50))]
    assert any(abs((start - 50) % 50) < 2 or abs((start - 50) % 50) > 48 for start in starts)


def test_an_even_grid_goes_on_through_a_pause():
    curve = np.full(3000, -0.1)
    curve[np.round(np.arange(20, 3000, 46.9)).astype(int)] = 4
    curve[1000:1900] = -0.1
    curve[1015:1900:61] = 3
    path = steady_path(np.convolve(curve, [0.5, 1, 0.5], mode="same"), 47.4)
    assert np.abs(path[: len(np.arange(20, 3000, 46.9))] - np.arange(20, 3000, 46.9)[: len(path)]).max() < 3


def test_paths_alone_and_together():
    curve = np.random.default_rng(3).standard_normal(600)
    together = beat_paths(curve, [(30, 45), (50, 75)])
    for (frames, score), limits in zip(together, [(30, 45), (50, 75)], strict=True):
        alone = beat_path(curve, *limits)
        assert np.array_equal(alone[0], frames) and abs(alone[1] - score) < 1e-9


def test_beats_rise_where_nothing_is_struck():
    """Five tones that swell, rounded to half precision: a few grains of the rounding were taken for attacks."""
    y = beatless(45_001).astype(np.float16).astype(np.float32)
    beats = track_beats(y, 22_050)
    assert (np.diff(beats.times_s) > 0).all() and beats.confidence < 0.3


def test_downbeats_of_a_rock_beat():
    made = pattern("rock", 112, 902, seconds=14, music=True)
    beats = track_beats(made.y, made.rate)
    assert beats.beats_per_bar == 4
    assert f_measure(made.downbeats_s, beats.downbeat_times_s) >= 0.9
    assert beats.positions[beats.downbeats].tolist() == [1] * len(beats.downbeats)


def test_rate_channels_and_level_change_little(rng):
    made = pattern("rock", 110, 903, seconds=10, rate=44_100)
    once = track_beats(made.y, 44_100)
    quiet_stereo = track_beats(np.concatenate([made.y, -made.y]) * 0.01, 44_100)
    assert len(once.times_s) == len(quiet_stereo.times_s)
    assert np.abs(once.times_s - quiet_stereo.times_s).max() < 0.002
    before = made.y.copy()
    track_beats(made.y, 44_100)
    assert np.array_equal(before, made.y)


def test_a_known_tempo_is_respected():
    made = pattern("rock", 150, 904, seconds=10)
    assert abs(track_beats(made.y, made.rate, bpm=75).tempo_bpm - 75) < 1.5


@pytest.mark.parametrize("samples", [0, 1, 100, 8000])
def test_silence_and_short(samples):
    beats = track_beats(np.zeros((2, samples), np.float32), 8000)
    assert len(beats.times_s) == 0 and beats.confidence == 0


@pytest.mark.parametrize(("seed", "bpm"), [(38, 165.1), (68, 193.9), (78, 181.7), (22, 175.0)])
def test_fast_songs_are_not_heard_in_half_time(seed, bpm):
    made = full_song(70_000 + seed)
    beats = track_beats(made.y, made.rate)
    assert abs(beats.tempo_bpm / bpm - 1) < 0.005
    assert f_measure(made.beats_s, beats.times_s) >= 0.95
    assert beats.confidence > 0.5


@pytest.mark.parametrize("drums", [True, False])
def test_songs_of_every_way_at_their_tempo(drums):
    right = 0
    for way in (0, 1, 2, 3, 4, 6, 7, 8, 9):  # all but the one that begins in free tempo
        made = full_song(80_100 + way, drums=drums, seconds=20)
        right += f_measure(made.beats_s, track_beats(made.y, made.rate).times_s) >= 0.9
    assert right >= (8 if drums else 7)


def test_paths_are_judged_beside_each_other():
    rng = np.random.default_rng(0)
    measures = rng.standard_normal((5, len(FEATURES)))
    scores = level_scores(measures)
    order = rng.permutation(5)
    np.testing.assert_allclose(level_scores(measures[order]), scores[order], atol=1e-4)
    # Another path changes what the others mean.
    more = level_scores(np.vstack([measures, 3 + measures[:1]]))
    assert np.abs((more[:5] - more[0]) - (scores - scores[0])).max() > 1e-3
    assert level_scores(np.zeros((0, len(FEATURES)))).shape == (0,)


def test_a_song_said_to_be_fast_keeps_its_phase():
    made = full_song(80_108, bpm=180.0, seconds=16)
    found = track_beats(made.y, made.rate, bpm=180.0)
    assert f_measure(made.beats_s, found.times_s) >= 0.95


def test_confidence_tells_wrong_beats_and_beatless_sound():
    made = full_song(70_018)
    good = beat_confidence(made.y, made.rate, made.beats_s)
    off_beat = beat_confidence(made.y, made.rate, made.beats_s[:-1] + np.diff(made.beats_s) / 2)
    assert good > 0.7 and off_beat < 0.3
    assert all(track_beats(beatless(seed), 22_050).confidence < 0.35 for seed in (0, 1, 6))


def test_beats_that_wander_are_not_moved_onto_a_grid():
    made = full_song(80_015, seconds=12)
    found = refine(made.y, made.rate, made.beats_s + 0.004)
    assert np.median(np.abs(found - made.beats_s)) < 0.01
    assert np.abs(found - made.beats_s).max() < 0.06


def test_noise_is_uncertain(rng):
    assert track_beats(signals.noise(rng, 8.0), 22_050).confidence < 0.35


def test_refusals():
    with pytest.raises(ParameterError, match="outside 20 to 400"):
        track_beats(np.zeros((1, 8000), np.float32), 8000, bpm=1000)
    with pytest.raises(InputError, match="NaN"):
        track_beats(np.full((1, 8000), np.nan, np.float32), 8000)


def test_attacks_to_the_millisecond(rng):
    rate = 44_100
    truth = 0.5 + np.arange(8) * 0.31
    y = 1e-4 * rng.standard_normal((1, 4 * rate))
    for k, time in enumerate(truth):
        n = np.arange(4000) / rate
        hit = np.sin(2 * np.pi * 90 * n) * np.exp(-n / 0.05) if k % 2 else rng.standard_normal(4000) * np.exp(-n / 0.03)
        y[0, round(time * rate) : round(time * rate) + 4000] += 0.5 * hit
    found, strength = attack_times(y.astype(np.float32), rate, truth + rng.uniform(-0.025, 0.025, 8))
    assert np.abs(found - truth).max() < 0.003
    assert (strength > 0).all()


@pytest.mark.parametrize("seed", [3, 11, 27])
def test_held_notes_do_not_make_beats_early(seed):
    made = full_song(80_000 + seed, seconds=14)
    found = refine(made.y, made.rate, made.beats_s[2:-2] + 0.004)
    assert abs(np.median(found - made.beats_s[2:-2])) < 0.002


def test_pulses_of_a_held_bass_are_no_attacks():
    rate = 22_050
    t = np.arange(2 * rate) / rate
    y = 0.3 * np.sign(np.sin(2 * np.pi * 55 * t))
    hit = round(1.0 * rate)
    y[hit : hit + 4000] += np.sin(2 * np.pi * 60 * t[:4000]) * np.exp(-t[:4000] / 0.1)
    times, strength = attack_candidates(y.astype(np.float32)[None], rate, np.array([0.5, 0.98]))
    assert (strength[0] == 0).all()
    assert abs(times[1, 0] - 1.0) < 0.006


def test_two_attacks_are_two_candidates():
    rate = 22_050
    y = np.zeros((1, rate), np.float32)
    for start, level in ((0.5, 0.3), (0.53, 0.9)):
        n = np.arange(2000) / rate
        y[0, round(start * rate) : round(start * rate) + 2000] += (
            level * np.exp(-n / 0.01) * np.sin(600 * 2 * np.pi * n)
        )
    times, strength = attack_candidates(y, rate, np.array([0.51]))
    found = np.sort(times[0][strength[0] > 0])
    assert len(found) >= 2 and np.abs(found[:2] - [0.5, 0.53]).max() < 0.003


def test_drums_are_wide_and_notes_are_long():
    magnitude = np.full((48, 100), 0.01)
    magnitude[20] = 1.0
    magnitude[:, 60] = 1.0
    struck = _struck(running_median(magnitude, 9, axis=0), running_median(magnitude, 19, axis=1))
    assert struck[20, 20] < 0.1 and struck[5, 60] > 0.9


def test_onset_curves_have_no_bias():
    rate = 22_050
    y = np.zeros((1, 3 * rate), np.float32)
    y[0, rate : rate + 2000] = np.random.default_rng(0).standard_normal(2000) * 0.3
    curves = onset_curves(y, rate)
    assert abs(float(curves.time(curves.total.argmax())) - 1.0) < 0.02


def test_path_follows_a_ramp():
    times = np.cumsum(np.linspace(60, 45, 30)).astype(int)
    curve = np.full(times[-1] + 30, -0.1)
    curve[times] = 4.0
    path, _ = beat_path(np.convolve(curve, [0.5, 1, 0.5], mode="same"), 40, 66)
    assert f_measure(times / 100, path / 100, within=0.02) > 0.95


def test_whittaker_ignores_what_has_no_weight():
    weights = np.ones(20)
    weights[7] = 0
    values = np.arange(20.0)
    values[7] = 50
    assert abs(whittaker(values, weights, 5.0)[7] - 7) < 0.01


def test_positions_count_from_the_downbeat():
    assert Beats(np.arange(6.0), np.array([1, 5]), 60.0, 1.0).positions.tolist() == [4, 1, 2, 3, 4, 1]


@pytest.mark.parametrize("rate", [8, 100, 200, 999])
def test_rates_without_attacks_are_refused(rng, rate):
    y = signals.noise(rng, 1, 2000)
    for heard in (lambda: track_beats(y, rate, bpm=100.0), lambda: attack_times(y, rate, np.ones(1))):
        with pytest.raises(ParameterError, match=f"cannot be heard at {rate} Hz"):
            heard()
