"""Effects do what their numbers say, measured on their output."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.effects.effects import (
    convolve,
    drive,
    fade_in,
    measure_rt60,
    measure_thd,
    reverb,
    reverb_time,
    room,
)
from audiokit.errors import ParameterError

RATE = 16000
T = np.arange(RATE) / RATE
SINE = (0.3 * np.sin(2 * np.pi * 440 * T)).astype(np.float32)


def test_what_distortion_makes_above_nyquist_does_not_come_back():
    rate, hz = 16_000, 440
    y = (0.5 * np.sin(2 * np.pi * hz * np.arange(rate) / rate)).astype(np.float32)
    out = drive(y, 1.0)[rate // 4 : 3 * rate // 4]
    level = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    at_hz = np.fft.rfftfreq(len(out), 1 / rate)
    between = np.abs((at_hz + hz / 2) % hz - hz / 2) > 20  # no harmonic is near
    assert 20 * np.log10(level[between].max() / level.max()) < -65


def test_drive_distorts_more_the_further_it_is_turned():
    thd = [measure_thd(drive(SINE, amount), RATE, 440) for amount in (0.0, 0.1, 0.3, 0.6, 1.0)]
    assert thd[0] < 0.001
    assert np.all(np.diff(thd) > 0.01)
    assert 0.3 < thd[-1] < 0.5  # a square wave has 0.48


def test_drive_keeps_the_peak_and_makes_no_direct_current():
    out = drive(SINE, 0.8)
    assert abs(np.abs(out).max() - np.abs(SINE).max()) < 1e-3
    assert abs(out.mean()) < 1e-3


def test_drive_does_not_fold_harmonics_back():
    y = (0.5 * np.sin(2 * np.pi * 3600 * T)).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(drive(y, 0.6) * np.hanning(RATE)))
    wanted = np.zeros(len(spectrum), bool)
    for k in (1, 2):
        wanted[k * 3600 - 8 : k * 3600 + 9] = True
    assert spectrum[~wanted][:7000].max() < 0.01 * spectrum.max()


def test_nothing_asked_changes_nothing():
    assert (drive(SINE, 0.0) == SINE).all()
    assert (reverb(SINE, RATE, 0.0, rng=np.random.default_rng(0)) == SINE).all()
    assert (fade_in(SINE, RATE, 0.0) == SINE).all()


@pytest.mark.parametrize("rt60", [0.3, 1.0, 2.5])
def test_a_room_has_its_reverberation_time(rt60):
    click = np.zeros(100, np.float32)
    click[0] = 1
    ir = room(RATE, rt60, rng=np.random.default_rng(3))
    assert abs(measure_rt60(convolve(click, ir)[: len(ir)], RATE) / rt60 - 1) < 0.1
    assert abs((ir.astype(float) ** 2).sum() - 1) < 1e-3


def test_reverb_lengthens_by_its_time_and_ends_in_silence():
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    out = reverb(noise, RATE, 0.5, rng=np.random.default_rng(0))
    assert abs(len(out) - len(noise) - 1.1 * reverb_time(0.5) * RATE) < 0.05 * RATE
    assert abs(out[-1]) < 1e-6
    tail = out[len(noise) + RATE // 50 :]
    assert abs(measure_rt60(tail, RATE) / reverb_time(0.5) - 1) < 0.15


def test_fade_in_starts_at_silence_and_leaves_the_rest():
    out = fade_in(SINE, RATE, 0.25)
    assert out[0] == 0
    assert (out[RATE // 4 :] == SINE[RATE // 4 :]).all()
    assert np.abs(out[: RATE // 16]).max() < 0.3 * np.abs(SINE).max()


@pytest.mark.parametrize("amount", [-0.1, 1.1])
def test_amounts_outside_the_scale_are_refused(amount):
    with pytest.raises(ParameterError, match="from 0 to 1"):
        drive(SINE, amount)
    with pytest.raises(ParameterError, match="from 0 to 1"):
        reverb(SINE, RATE, amount, rng=np.random.default_rng(0))


def test_silence_stays_silence():
    assert not drive(np.zeros(100, np.float32), 1.0).any()
    assert np.isnan(measure_rt60(np.zeros(100), RATE))
