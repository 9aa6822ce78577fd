"""A voice sung with its own periods: in tune, as loud and as bright as it was, and untouched where it has no pitch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audiokit.dsp.voice import singing
from audiokit.dsp.voice.periods import OVERSAMPLING, Recording, find_pulses, respace
from audiokit.dsp.voice.plan import Plan, SungNote, even_music
from audiokit.dsp.voice.syllables import find_syllables
from audiokit.dsp.voice.world import HOP_S, analyse_voice
from tests.signals import talk

RATE = 22_050


@pytest.fixture(scope="module")
def spoken():
    y, _ = talk(np.random.default_rng(5), syllables=8)
    voice = analyse_voice(y[0], RATE, quality="best")
    return y[0], voice, Recording.of(y[0], voice, voice.voiced)


def _bands(y):
    """Levels in dB of octave bands, 250 Hz to 8 kHz."""
    power = np.abs(np.fft.rfft(y)) ** 2
    hz = np.fft.rfftfreq(len(y), 1 / RATE)
    return np.array([10 * np.log10(power[(hz >= f) & (hz < 2 * f)].sum()) for f in (250, 500, 1000, 2000, 4000)])


def test_pulses_are_one_period_apart_while_pitch_glides():
    f0 = np.geomspace(100, 160, 2 * RATE)
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    y = sum(np.cos(h * phase) for h in range(1, 25)) / 25
    voice = analyse_voice(y, RATE, quality="best")
    pulses = find_pulses(y, voice, voice.voiced)
    inner = pulses[(pulses > 2000) & (pulses < len(y) - 2000)]
    assert len(inner) > 200
    np.testing.assert_allclose(np.diff(inner), RATE / f0[inner[:-1].astype(int)], atol=1.5)
    at_peak = np.abs(np.angle(np.exp(1j * phase[inner.astype(int)])))
    assert at_peak.max() < 2 * np.pi / 20  # all on the peaks of the waveform, none slips away


@pytest.mark.parametrize("semitones", [-6, -3, 0, 3, 5])
def test_pitch_is_the_one_asked_for_and_level_and_timbre_stay(spoken, semitones):
    y, voice, recording = spoken
    wanted = voice.median_hz * 2 ** (semitones / 12 + np.sin(np.arange(voice.frames) / 30) / 12)
    sung = respace(recording, voice, place=np.arange(float(voice.frames)), f0_hz=np.where(voice.voiced, wanted, 0))
    heard = analyse_voice(sung, RATE, quality="best")
    both = voice.strong[: heard.frames] & heard.strong[: voice.frames]
    cents = 1200 * np.log2(heard.f0_hz[: len(both)][both] / wanted[: len(both)][both])
    assert both.sum() > 0.8 * voice.strong.sum()
    assert np.median(np.abs(cents)) < 12 and abs(np.median(cents)) < 4
    np.testing.assert_allclose(_bands(sung), _bands(y), atol=2.5)


def test_without_pitch_and_at_its_own_pace_it_is_the_recording(spoken, rng):
    _, voice, _ = spoken
    noise = rng.standard_normal(RATE).astype(np.float32)
    recording = Recording.of(noise, voice, np.zeros(voice.frames, bool))
    place = np.arange(20.0, 180.0)
    same = respace(recording, voice, place=place, f0_hz=np.zeros(160))
    first = round(20 * HOP_S * RATE)
    inner = slice(300, len(same) - 300)
    error = same[inner] - noise[first : first + len(same)][inner]
    assert np.sqrt((error**2).mean()) < 0.2 * noise.std()  # what a quarter of a sample is worth in white noise
    assert len(recording.fine) == OVERSAMPLING * len(noise)


def test_silence_and_nothing_are_sung(spoken):
    _, voice, _ = spoken
    nothing = Recording(np.zeros(OVERSAMPLING * RATE, np.float32), *np.zeros((3, 0)))
    for frames in (1, 40):
        sung = respace(nothing, voice, place=np.arange(float(frames)), f0_hz=np.full(frames, 200.0))
        assert len(sung) == round(frames * HOP_S * RATE) and not sung.any()


def test_phrases_far_from_the_spoken_pitch_are_left_to_world(spoken, monkeypatch):
    y, voice, _ = spoken
    syllables = find_syllables(voice)
    pitch = 69 + 12 * np.log2(voice.median_hz / 440)
    notes = [SungNote(s.vowel_s, s.vowel_s + 0.15, pitch, k) for k, s in enumerate(syllables)]

    def sing(semitones):
        plan = Plan([replace(n, pitch=n.pitch + semitones) for n in notes], syllables, even_music(4.0))
        blocks = singing.sing_plan(voice, plan, length_s=4.0, speech=y, rng=np.random.default_rng(0))
        return np.concatenate([*blocks])

    near, far = sing(2), sing(14)
    monkeypatch.setattr(singing, "OWN_PERIODS", (99.0, 99.0))
    np.testing.assert_array_equal(sing(14), far)
    assert np.abs(sing(2) - near).max() > 0.01
