"""WORLD: taking apart and putting together keeps pitch, level and what is voiced."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.voice.world import HOP_S, _in_pieces, analyse_voice, runs, synthesise_voice
from audiokit.errors import InputError, ParameterError
from tests.signals import noise, syllables, talk


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_pitch_is_found_in_vowels_and_not_in_pauses(rng, quality):
    y, onsets = talk(rng, pitch_hz=140, pause_after=4)
    voice = analyse_voice(y[0], 22_050, quality=quality)
    middle = np.round((onsets + 0.07) / HOP_S).astype(int)
    assert voice.strong[middle].all()
    assert abs(12 * np.log2(voice.median_hz / 140)) < 1.5
    pause = slice(round((onsets[3] + 0.25) / HOP_S), round((onsets[4] - 0.15) / HOP_S))
    assert not voice.strong[pause].any()


def test_copy_synthesis_keeps_the_spectrum_and_the_length(rng):
    y, _ = talk(rng)
    voice = analyse_voice(y[0], 22_050)
    f0 = np.where(voice.voiced, voice.f0_hz, 0)
    z = synthesise_voice(f0, voice.envelope, voice.bands, voice.rate)
    assert abs(len(z) - y.shape[1]) <= HOP_S * 22_050 + 1
    a = np.abs(np.fft.rfft(y[0], 1 << 16)).reshape(-1)[: 1 << 15].reshape(256, -1).mean(1)
    b = np.abs(np.fft.rfft(z, 1 << 16))[: 1 << 15].reshape(256, -1).mean(1)
    voiced_bands = slice(3, 100)
    assert np.abs(20 * np.log10(b / a))[voiced_bands].mean() < 4
    assert abs(10 * np.log10((z**2).sum() / (y**2).sum())) < 1.5


def test_synthesis_follows_a_new_pitch(rng):
    y, _ = talk(rng)
    voice = analyse_voice(y[0], 22_050)
    z = synthesise_voice(np.where(voice.voiced, 200.0, 0), voice.envelope, voice.bands, voice.rate)
    again = analyse_voice(z, 22_050)
    assert abs(1200 * np.log2(again.median_hz / 200)) < 10


def test_noise_has_no_strong_frames(rng):
    voice = analyse_voice(noise(rng, 1.0)[0], 22_050)
    assert voice.strong.mean() < 0.05


def test_input_is_left_alone(rng):
    y, _ = talk(rng)
    before = y.copy()
    analyse_voice(y[0], 22_050)
    np.testing.assert_array_equal(y, before)


def test_what_cannot_be_analysed_is_refused(rng):
    with pytest.raises(InputError, match="too short"):
        analyse_voice(np.zeros(100, np.float32), 22_050)
    with pytest.raises(ParameterError, match="rate"):
        analyse_voice(np.zeros(8000, np.float32), 8_000)
    with pytest.raises(ParameterError, match="quality"):
        analyse_voice(np.zeros(22_050, np.float32), 22_050, quality="good")
    silent = analyse_voice(np.zeros(22_050, np.float32), 22_050)
    assert not silent.voiced.any() and silent.median_hz == 0


def test_runs_covers_edges():
    assert runs(np.ones(3, bool)) == [(0, 3)] and runs(np.zeros(3, bool)) == []


@pytest.mark.parametrize("seconds", [0.5, 19.0, 39.9, 40.0, 41.3, 60.0, 100.07])
def test_long_voices_are_measured_in_pieces_as_if_at_once(rng, seconds):
    rate, lengths = 1000, []
    x = rng.standard_normal(round(seconds * rate))

    def measure(y):
        lengths.append(len(y) / rate)
        heard = np.convolve(np.pad(y, (0, 5)), np.ones(1500), "same")  # from 0.75 s around each frame
        return heard[: 5 * (len(y) // 5) + 1 : 5]

    whole = measure(x)
    found = _in_pieces(measure, x, rate)
    assert found.shape == whole.shape == (1 + len(x) // 5,)
    np.testing.assert_allclose(found, whole, atol=1e-9)
    assert max(lengths[1:]) < 44


def test_envelopes_that_are_not_kept_are_made_again_the_same(rng):
    y = syllables(rng, 25.0, 16_000)[0]
    kept, made = (analyse_voice(y, 16_000, keep=keep) for keep in (True, False))
    np.testing.assert_array_equal(made.envelope, kept.envelope)
    np.testing.assert_array_equal(made.change, kept.change)
    np.testing.assert_array_equal(made.middle, kept.middle)
    frames = np.array([4999, 3, 2000, 1999, 3])
    np.testing.assert_array_equal(made.envelopes.take(frames), kept.envelope[frames])
    np.testing.assert_array_equal(made.envelopes[1990:4100], kept.envelope[1990:4100])


def test_change_is_that_of_all_envelopes_at_once(rng):
    voice = analyse_voice(syllables(rng, 25.0, 16_000)[0], 16_000)
    bins = np.unique(np.geomspace(2, 512, 25).astype(int))
    log = np.log(np.add.reduceat(voice.envelope, bins, axis=1) + 1e-9)
    log -= log.mean(axis=1, keepdims=True)
    wanted = np.zeros(voice.frames)
    wanted[3:-3] = np.sqrt(((log[6:] - log[:-6]) ** 2).mean(axis=1))
    np.testing.assert_allclose(voice.change, wanted, rtol=1e-6)
