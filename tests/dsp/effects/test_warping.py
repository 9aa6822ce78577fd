"""Alike moments are found as closely in long sounds as in short ones; where music is steady, so are paths."""

from functools import partial

import numpy as np
import pytest

from audiokit.dsp.effects.alignment import _timbre
from audiokit.dsp.effects.warping import path_between, steady, warping_path

RATE, HOP = 4000, 40


def song(minutes, tempo):
    """Struck notes (1, T) at `tempo` of the times (K,) that are returned with them."""
    rng = np.random.default_rng(1)
    at = np.cumsum(rng.uniform(0.2, 0.8, round(minutes * 120)))
    at = at[at < minutes * 60 - 1]
    y = np.zeros((1, round(float(tempo(minutes * 60.0)) * RATE)), np.float32)
    t = np.arange(RATE // 4) / RATE
    for start, hz in zip(np.round(tempo(at) * RATE).astype(int), rng.uniform(150, 1500, len(at)), strict=True):
        struck = 0.2 * np.minimum(1, t / 0.005) * np.exp(-t / 0.08) * np.sin(2 * np.pi * hz * t)
        y[0, start : start + len(t)] += struck[: y.shape[1] - start].astype(np.float32)
    return y, at


def faster(at):
    return at / 1.1


def rubato(at):
    return at + 0.6 - 0.6 * np.cos(at * 0.4)


@pytest.mark.parametrize("minutes", [0.5, 5])
@pytest.mark.parametrize("tempo", [faster, rubato])
def test_notes_meet_closely(minutes, tempo):
    """One in a steady tempo beside one that is faster, or hurries and waits; between notes it is silent."""
    (one, at), (other, _) = song(minutes, lambda at: at), song(minutes, tempo)
    heard = (partial(_timbre, y, RATE, HOP) for y in (one, other))
    first, second = steady(*path_between(*heard, *(1 + y.shape[1] // HOP for y in (one, other))))
    missed_s = np.abs(np.interp(at, 0.01 * first, 0.01 * second) - tempo(at))
    assert np.median(missed_s) < 0.008 and np.quantile(missed_s, 0.95) < 0.015 and missed_s.max() < 0.03
    if tempo is faster:
        speeds = np.diff(np.interp(np.arange(0, second[-1], 50), second, first)) / 50
        assert np.quantile(np.abs(speeds - 1.1), 0.9) < 0.06


def test_what_is_found_near_a_rough_path_is_found_among_all(monkeypatch, rng):
    """Where the rough path is right, comparing each with each finds no other."""
    from audiokit.dsp.effects import warping

    scenes = np.repeat(rng.random((60, 8)), rng.integers(5, 40, 60), axis=0)
    other = scenes[np.sort(rng.choice(len(scenes), len(scenes) * 4 // 5, replace=False))]
    whole = warping_path(scenes, other)
    monkeypatch.setattr(warping, "_MOST", 100)
    parts = warping_path(scenes, other)
    at = np.arange(len(scenes))
    off = np.abs(np.interp(at, *parts) - np.interp(at, *whole))
    assert np.quantile(off, 0.95) <= 1


def test_a_steady_path_is_one_line_and_bends_where_it_must():
    """Whole frames jump by one; a rest of fifty, in one sound only, is more than that."""
    rows = np.arange(600)
    columns = np.minimum(rows, 300) * 9 // 10 + np.maximum(0, rows - 350) * 11 // 10
    first, second = steady(rows, columns)
    wanted = np.minimum(first, 300) * 0.9 + np.maximum(0, first - 350) * 1.1
    assert (first[0], second[0], first[-1], second[-1]) == (0, 0, 599, columns[-1])
    assert np.diff(first).min() >= 0 and np.diff(second).min() >= 0
    assert np.abs(second - wanted).max() < 2
    speeds = np.diff(second) / np.maximum(np.diff(first), 1e-9)
    inside = (first[1:] < 280) | (first[:-1] > 370)
    assert np.minimum(np.abs(speeds - 0.9), np.abs(speeds - 1.1))[inside].max() < 0.02


def test_equal_sounds_are_paired_frame_by_frame(rng):
    frames = rng.random((4000, 8))
    rows, columns = steady(*warping_path(frames, frames))
    np.testing.assert_array_equal(rows, columns)
    assert rows[-1] == 3999


@pytest.mark.parametrize(("count", "other"), [(1, 1), (1, 5), (5, 1), (2, 2), (3100, 2)])
def test_the_shortest_paths(rng, count, other):
    rows, columns = warping_path(rng.random((count, 4)), rng.random((other, 4)))
    assert (rows[0], columns[0], rows[-1], columns[-1]) == (0, 0, count - 1, other - 1)
    steps = np.diff(rows) + np.diff(columns)
    assert len(rows) < count + other and (not len(steps) or (steps.min() >= 1 and steps.max() <= 2))
    first, second = steady(rows, columns)
    assert (first[0], second[0], first[-1], second[-1]) == (0, 0, count - 1, other - 1)


def test_rounding_does_not_lead_aside_where_nothing_changes(rng):
    """What is steady is as alike at any moment: only what processors round differently could tell them apart."""
    steady = np.repeat(rng.random((2, 40)), (30, 170), axis=0)
    a, b = (steady * (1 + 1e-6 * rng.standard_normal(steady.shape)) for _ in range(2))
    rows, columns = warping_path(a.astype(np.float32), b.astype(np.float32))
    np.testing.assert_array_equal(rows, columns)
