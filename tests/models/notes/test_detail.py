"""A recording's detail brings the recording back, and goes along to other pitches."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.notes.notes import N_GROUPS, analyse_note, midi_to_hz
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.models.notes.detail import detail_of, mixed, with_detail
from audiokit.models.notes.scale import SPAN_DB, scale, unscale
from tests.note_sets import rendered

RATE = 32000
LEVELS = [-12.0, -40.0, -18.0, -50.0, -24.0]


def clarinet(pitch=60):
    """Odd partials, held for 3 s."""
    t = np.arange(4 * RATE) / RATE
    y = sum(10 ** (db / 20) * np.sin(2 * np.pi * (k + 1) * midi_to_hz(pitch) * t) for k, db in enumerate(LEVELS))
    return (y * np.clip(t / 0.03, 0, 1) * np.where(t < 3, 1, 10 ** (-4 * (t - 3)))).astype(np.float32)


def flat():
    """A model's dull idea of any note: all levels at -40 dB."""
    return np.full((101, 88), 20.0 / SPAN_DB, np.float32), np.zeros(90, np.float32)


def test_at_its_own_pitch_the_recording_comes_back():
    shape = analyse_note(clarinet(), RATE, 60, held_s=3.0)
    levels, constants = with_detail(*flat(), detail_of(shape, *flat(), 60, released=True), 60)
    truth, fixed = scale(shape)
    assert np.abs(levels - truth)[:30].max() < 1e-4
    assert np.abs(constants - fixed)[:32].max() < 1e-4
    y = rendered(unscale(levels, constants), 60, rate=RATE, rng=np.random.default_rng(0))
    again = analyse_note(y, RATE, 60, held_s=3.0)
    assert np.abs(again.partials_db[:3, 40] - LEVELS[:3]).max() < 2


def test_at_another_pitch_loud_partials_stay_louder():
    detail = detail_of(analyse_note(clarinet(), RATE, 60, held_s=3.0), *flat(), 60, released=True)
    for pitch in (55, 62, 72):
        levels, _ = with_detail(*flat(), detail, pitch)
        assert levels[0, 40] > levels[1, 40] + 0.2
    assert np.abs(with_detail(*flat(), detail, 96)[0] - flat()[0]).mean() > 0.1


def test_an_unheard_release_is_left_to_the_model():
    shape = analyse_note(clarinet()[: 2 * RATE], RATE, 60)
    detail = detail_of(shape, *flat(), 60)
    held = len(HELD_S)
    assert (detail.levels[:, held:] == detail.levels[:, held - 1 : held]).all()


def test_details_mix():
    a = detail_of(analyse_note(clarinet(), RATE, 60, held_s=3.0), *flat(), 60)
    assert mixed(None, None, 0.5) is None
    half = mixed(a, None, 0.5)
    assert np.allclose(half.levels, a.levels / 2)
    assert np.allclose(mixed(a, a, 0.3).levels[:N_GROUPS], a.levels[:N_GROUPS], atol=1e-6)
