"""Time warping: attacks land where they should, tones stay what they are, stems stay together."""

import numpy as np
import pytest

from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.warp import (
    TimeMap,
    at_level,
    map_beats,
    place_joins,
    plan_stretches,
    render_stretches,
    resolve_level,
    steady_grid,
    warp,
)
from audiokit.errors import ParameterError
from tests import signals

RATE = 44_100


def wandering(drift, seconds=9.0):
    """Beats of a drummer who hurries and drags."""
    times, now = [], 0.3
    while now < seconds - 0.6:
        times.append(now)
        now += 0.5 * (1 + drift * np.sin(1.3 * now))
    return np.array(times)


@pytest.mark.parametrize(("drift", "speed"), [(0.0, 0.85), (0.05, 1.2), (0.2, 1.0)])
def test_onsets_land_within_5_ms(drift, speed):
    source = wandering(drift)
    target = 0.4 + np.arange(len(source)) * 0.5 / speed
    y = np.zeros((1, 9 * RATE), np.float32)
    n = np.arange(800)
    for time in source:
        y[0, round(time * RATE) : round(time * RATE) + 800] = np.exp(-n / 150) * np.sin(2 * np.pi * 2000 * n / RATE)
    time_map = TimeMap(source, target)
    out = warp(y, RATE, time_map, length=round(float(time_map.to_target(9.0)) * RATE))
    level = np.sqrt(np.convolve(out[0] ** 2, np.ones(32) / 32, mode="same"))
    errors = []
    for time in target:
        piece = level[round(time * RATE) - 2000 : round(time * RATE) + 2000]
        errors.append((int(np.argmax(piece > 0.1 * piece.max())) - 2000) / RATE)
    assert np.abs(errors).max() < 0.005


def test_a_tone_keeps_its_pitch_and_level():
    source = wandering(0.05)
    time_map = TimeMap(source, 0.3 + np.arange(len(source)) * 0.45)
    tone = signals.sine(440, 9.0, RATE)
    out = warp(tone, RATE, time_map, length=7 * RATE)[0, RATE // 2 : -RATE // 2]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)), 1 << 21))
    peak = np.fft.rfftfreq(1 << 21, 1 / RATE)[spectrum.argmax()]
    assert abs(1200 * np.log2(peak / 440)) < 1.0
    crests = np.abs(out[: len(out) // 441 * 441].reshape(-1, 441)).max(axis=1)
    assert crests.min() > 0.45 and crests.max() < 0.55


def test_semitones_shift_the_pitch():
    time_map = TimeMap(np.array([0.0, 1.0]), np.array([0.0, 1.1]))
    out = warp(signals.sine(440, 3.0, RATE), RATE, time_map, length=3 * RATE, semitones=3)[0, RATE : 2 * RATE]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)), 1 << 19))
    peak = np.fft.rfftfreq(1 << 19, 1 / RATE)[spectrum.argmax()]
    assert abs(1200 * np.log2(peak / (440 * 2**0.25))) < 5.0


def test_same_tempo_is_a_copy(rng):
    y = signals.noise(rng, 3.0, RATE, channels=2)
    beats = np.arange(0.2, 2.8, 0.5)
    assert np.array_equal(warp(y, RATE, TimeMap(beats, beats), length=y.shape[1]), y)
    late = warp(y, RATE, TimeMap(beats, beats + 0.25), length=y.shape[1])
    assert not late[:, : RATE // 4].any()
    assert np.array_equal(late[:, RATE // 4 + 1 : -1], y[:, 1 : -RATE // 4 - 1])


def test_stereo_and_stems_stay_in_step(rng):
    y = signals.plucks(rng, 4.0, RATE)
    source = np.arange(0.1, 3.9, 0.5)
    time_map = TimeMap(source, np.cumsum(np.full(8, 0.6)) + 0.02 * np.sin(np.arange(8)))
    opposite = warp(np.concatenate([y, -y]), RATE, time_map, length=4 * RATE)
    assert np.abs(opposite.sum(axis=0)).max() < 2e-3 * np.abs(opposite).max()
    other = signals.noise(rng, 4.0, RATE)
    plan = place_joins(plan_stretches(time_map, RATE, 4 * RATE), RATE, y + other)
    assert any(stretch.shift for stretch in plan)
    assert render_stretches(y, RATE, plan).shape == render_stretches(other, RATE, plan).shape == (1, 4 * RATE)


def test_a_strong_stretch_gives_the_same_samples_again(rng):
    y = signals.noise(rng, 1.0, RATE)
    slower = TimeMap(np.array([0.0, 1.0]), np.array([0.0, 2.4]))
    first, second = (warp(y, RATE, slower, length=2 * RATE) for _ in range(2))
    assert first.any() and np.array_equal(first, second)


def test_long_tracks_are_rendered_in_parts():
    time_map = TimeMap(np.arange(0, 200, 0.5), np.arange(0, 200, 0.5) * 1.1)
    plan = plan_stretches(time_map, 8000, 8000 * 200)
    assert max(s.stop - s.start for s in plan) <= 60 * 8000
    assert [s.start for s in plan[1:]] == [s.stop for s in plan[:-1]]
    assert all(abs(s.speed - 1 / 1.1) < 1e-6 for s in plan)
    assert all(abs(s.source / 8000 - s.start / 8000 / 1.1) < 0.002 for s in plan)


def test_levels_and_grids():
    beats = Beats(np.arange(0.5, 8.5, 0.5), np.array([2, 6, 10, 14]), 120.0, 1.0)
    double = at_level(beats, 2)
    assert np.allclose(np.diff(double.times_s), 0.25) and double.times_s[double.downbeats[0]] == 1.5
    half = at_level(beats, 0.5)
    assert half.times_s[half.downbeats].tolist() == [1.5, 3.5, 5.5, 7.5]
    assert [resolve_level(bpm, 120) for bpm in (60, 65, 118, 240, 150)] == [2, 2, 1, 0.5, 1]
    assert np.allclose(np.diff(steady_grid(100, beats).times_s), 0.6)


def test_downbeats_meet():
    track = Beats(np.arange(12) * 0.5 + 0.1, np.array([3, 7, 11]), 120.0, 1.0)
    reference = Beats(np.arange(20) * 0.6, np.array([1, 5, 9]), 100.0, 1.0)
    time_map = map_beats(track, reference)
    assert np.allclose(time_map.to_target(track.times_s[3]), reference.times_s[1])
    whole = map_beats(track, reference, keep_start=True)
    assert whole.to_target(0.0) >= 0
    assert np.allclose(whole.to_target(track.times_s[3]), reference.times_s[5])


def test_refusals():
    with pytest.raises(ParameterError, match=r"outside 0\.4 to 2\.5"):
        plan_stretches(TimeMap(np.arange(4.0), np.arange(4.0) * 4), 8000, 8000)
    with pytest.raises(ParameterError, match="no beats"):
        map_beats(Beats(np.zeros(1), np.zeros(1, int), 0.0, 0.0), Beats(np.arange(4.0), np.zeros(1, int), 60.0, 1.0))
    with pytest.raises(ParameterError, match="outside 20 to 400"):
        steady_grid(5, Beats(np.arange(4.0), np.zeros(1, int), 60.0, 1.0))
