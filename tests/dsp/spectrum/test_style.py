import numpy as np
import pytest

from audiokit.dsp.spectrum.presets import find_preset
from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.dsp.spectrum.style import (
    StyleFrontend,
    apply_gain,
    average_spectrum,
    envelope_gain,
    gain_db,
    peak_of,
    picture,
    resolved,
    spread_gain,
    standard_frontend,
)
from audiokit.dsp.spectrum.transform import Transform
from audiokit.errors import ModelError, ParameterError
from tests.signals import noise, plucks, sine

MEL = standard_frontend(frames=32)
LINEAR = StyleFrontend(
    Transform(rate=22050, kind="magnitude", scale="db", floor=1e-8, reference=None, top_db=80.0, gain=1 / 512),
    bins=1024,
    frames=32,
)


def look(y, frontend, rate=22050):
    framing = frontend.framing(rate)
    S = stft(y, **framing)
    peak = peak_of(S, frontend, n_fft=framing["n_fft"])
    return S, picture(S, frontend, resolved(frontend, peak), n_fft=framing["n_fft"])


def test_standard_picture_is_that_of_the_preset(rng):
    y = plucks(rng, 1.0)
    _, x = look(y, MEL)
    from audiokit.dsp.spectrum.transform import forward

    expected, _ = forward(y, find_preset("cyclegan-music").transform("cyclegan-music"))
    count = expected.shape[2]
    assert np.allclose(x[:, :, :count], expected, atol=1e-4)


@pytest.mark.parametrize("frontend", [MEL, LINEAR])
@pytest.mark.parametrize("rate", [16000, 44100, 48000, 96000])
def test_other_rates_give_the_same_picture(rng, frontend, rate):
    """The same sound, sampled at another rate, looks the same below both Nyquist frequencies."""
    partials = [(220.0, 0.3), (660.0, 0.1), (1500.0, 0.05), (4000.0, 0.02)]
    pictures = []
    for r in (22050, rate):
        y = sum(sine(hz, 1.0, r, amplitude) for hz, amplitude in partials)
        pictures.append(look(y, frontend, r)[1])
    a, b = (x[0, : int(0.6 * frontend.bins), 8:32] for x in pictures)
    loud = a > a.max() - 40 * abs(frontend.transform.slope)
    assert np.median(np.abs(a - b)[loud]) / frontend.transform.slope < 1.0
    assert [int(np.argmax(x.mean(axis=1))) for x in (a, b)] == [int(np.argmax(a.mean(axis=1)))] * 2


@pytest.mark.parametrize("frontend", [MEL, LINEAR])
def test_gain_reaches_the_picture_that_was_asked_for(rng, frontend):
    S, x = look(noise(rng, 1.0), frontend)
    wanted = x - np.linspace(0, 20, frontend.bins, dtype=np.float32)[None, :, None] * frontend.transform.slope
    gain = spread_gain(gain_db(x, wanted, frontend), frontend, bins=S.shape[1])
    changed = apply_gain(S, gain)
    peak = peak_of(S, frontend, n_fft=2048)
    y = picture(changed, frontend, resolved(frontend, peak), n_fft=2048)
    error = np.abs(y - wanted)[:, :, 4:-4] / frontend.transform.slope
    assert np.mean(error) < 0.3
    loud = np.abs(changed) > 1e-3
    assert np.allclose(np.angle(changed[loud] / S[loud]), 0, atol=1e-4)


def test_mel_gain_is_smooth_between_bands_and_goes_on_above():
    gain = np.linspace(-20, 20, 128, dtype=np.float32)[None, :, None]
    spread = spread_gain(gain, MEL, bins=2049)[0, :, 0]
    assert spread[0] == pytest.approx(-20, abs=0.5)
    assert np.all(np.diff(spread[:1020]) >= -1e-4) and np.max(np.diff(spread[:1020])) < 1.0
    assert np.all(spread[1100:] == spread[1100]) and spread[1100] == pytest.approx(gain[0, -8:, 0].mean(), abs=0.1)


@pytest.mark.parametrize("frontend", [MEL, LINEAR])
def test_rows_that_held_silence_in_training_follow_the_row_below(rng, frontend):
    """Resampled training material ends below the Nyquist frequency; what a network says there drew a line."""
    S, x = look(noise(rng, 1.0), frontend)
    answer = x - np.float32(24 * frontend.transform.slope)
    answer[:, frontend.heard :] = x[:, frontend.heard :]
    assert 0.9 < frontend.centres[frontend.heard - 1] / frontend.centres[-1] < 0.97
    spread = spread_gain(gain_db(x, answer, frontend), frontend, bins=S.shape[1])
    assert np.allclose(spread, -24, atol=0.01)


def test_strength_scales_in_decibels(rng):
    S, _ = look(noise(rng, 0.5), MEL)
    gain = np.full((1, S.shape[1], 1), -12.0, np.float32)
    level = [20 * np.log10(np.abs(apply_gain(S, gain, strength=s)).mean() / np.abs(S).mean()) for s in (0, 0.5, 1)]
    assert level == pytest.approx([0, -6, -12], abs=0.01)
    with pytest.raises(ParameterError):
        apply_gain(S, gain, strength=1.5)


def test_envelope_matching_brings_the_average_spectrum_over(rng):
    bright, dull = noise(rng, 2.0), noise(rng, 2.0)
    dull = istft(apply_gain(stft(dull), np.linspace(0, -40, 1025)[None, :, None]), length=dull.shape[1])
    S, style = stft(bright), average_spectrum(stft(dull))
    before = np.abs(average_spectrum(S) - style).mean()
    after = np.abs(average_spectrum(apply_gain(S, envelope_gain(average_spectrum(S), style))) - style).mean()
    assert before > 15 and after < 0.1 * before


def test_card_round_trip_and_refusals():
    assert StyleFrontend.from_dict(LINEAR.to_dict()) == LINEAR
    with pytest.raises(ModelError, match="front-end"):
        StyleFrontend.from_dict({"bins": 3})
    with pytest.raises(ModelError, match="dB"):
        standard_frontend(preset="melgan")
    with pytest.raises(ParameterError, match="do not fit"):
        StyleFrontend(MEL.transform, bins=129)
