"""A learnt pitch tracker: right in quiet, more often than the built-in in noise; absent, it says so."""

from __future__ import annotations

import inspect
from typing import get_args

import numpy as np
import pytest

import audiokit
from audiokit.dsp.voice import pitch
from audiokit.dsp.voice.pitch import PitchTracker, check_tracker, learnt_pitch
from audiokit.dsp.voice.world import HOP_S, analyse_voice
from audiokit.errors import MissingExtraError, ParameterError
from audiokit.io.audio import write
from tests.signals import noise, talk

RATE = 22_050


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(pitch, "find_spec", lambda name: None)
    pitch._detector.cache_clear()


def test_unknown_trackers_are_refused(rng):
    with pytest.raises(ParameterError, match="none of world, swift-f0"):
        analyse_voice(noise(rng)[0], RATE, tracker="ear")


def test_absent_it_names_the_command(absent, rng):
    with pytest.raises(MissingExtraError) as caught:
        learnt_pitch(noise(rng)[0], RATE, np.zeros(1))
    assert caught.value.status == 6 and caught.value.hint == "pip install 'audiokit[pitch]'"
    check_tracker("world")


@pytest.mark.parametrize(
    "call",
    [
        lambda y: audiokit.sing(y, RATE, over=y, pitch_tracker="swift-f0"),
        lambda y: audiokit.morph([y, y], RATE, pitch_tracker="swift-f0"),
    ],
)
def test_stages_refuse_before_they_work(absent, rng, call):
    with pytest.raises(MissingExtraError):
        call(noise(rng))


def test_score_refuses_before_it_works(absent, rng, tmp_path):
    from audiokit.stages.score.stage import score

    write(tmp_path / "a.wav", noise(rng), RATE)
    with pytest.raises(MissingExtraError):
        score([str(tmp_path / "a.wav")], ref=str(tmp_path / "a.wav"), pitch_tracker="swift-f0")


def test_one_name_and_one_table_of_choices():
    from audiokit.stages.morph import morph
    from audiokit.stages.score.stage import score
    from audiokit.stages.sing.stage import sing

    for stage in (morph, score, sing):
        assert inspect.signature(stage).parameters["pitch_tracker"].default == get_args(PitchTracker)[0] == "world"


def test_pitch_of_speech_is_found(rng):
    pytest.importorskip("swift_f0")
    y, onsets = talk(rng, pitch_hz=140, pause_after=4)
    voice = analyse_voice(y[0], RATE, tracker="swift-f0")
    built_in = analyse_voice(y[0], RATE)
    assert voice.frames == built_in.frames
    middle = np.round((onsets + 0.07) / HOP_S).astype(int)
    assert voice.voiced[middle].mean() > 0.9
    both = middle[voice.voiced[middle] & built_in.voiced[middle]]
    assert np.abs(12 * np.log2(voice.f0_hz[both] / built_in.f0_hz[both])).max() < 0.5
    pause = slice(round((onsets[3] + 0.25) / HOP_S), round((onsets[4] - 0.15) / HOP_S))
    assert not voice.voiced[pause].any()


def test_in_noise_it_is_right_more_often(rng):
    pytest.importorskip("swift_f0")
    t = np.arange(3 * RATE) / RATE
    hz = 220 * 2 ** (np.sin(2 * np.pi * 0.5 * t) / 4)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    y = sum(np.sin(k * phase) / k for k in range(1, 15))
    y = y + rng.standard_normal(len(y)) * np.sqrt((y**2).mean())  # 0 dB
    right = {}
    for tracker in get_args(PitchTracker):
        voice = analyse_voice(y, RATE, tracker=tracker)
        truth = np.interp(np.arange(voice.frames) * HOP_S, t, hz)
        heard = np.where(voice.voiced, voice.f0_hz, 1.0)
        right[tracker] = (np.abs(12 * np.log2(heard / truth)) < 0.5).mean()
    assert right["swift-f0"] > 0.8 and right["swift-f0"] > right["world"] + 0.1, right


def test_silence_and_noise_have_no_pitch(rng):
    pytest.importorskip("swift_f0")
    times = np.arange(100) * HOP_S
    assert not learnt_pitch(np.zeros(RATE), RATE, times).any()
    assert (learnt_pitch(noise(rng)[0], RATE, times) > 0).mean() < 0.1
