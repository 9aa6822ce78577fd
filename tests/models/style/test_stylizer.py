"""Windows, streaming and application of a style model, with networks whose answer is known."""

import numpy as np
import pytest

from audiokit.dsp.effects.ensemble import Ensemble, EnsembleStream
from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.errors import ParameterError
from audiokit.models.style.inference import Slider
from audiokit.models.style.stylizer import Stylizer
from tests.signals import plucks, sine

FRONTEND = standard_frontend(frames=32)


def keep(x):
    return x


def tilt(x):
    """Lower the upper half by 20 dB."""
    return np.concatenate([x[:, :, :64], x[:, :, 64:] - np.float32(0.5)], axis=2)


def relative(x):
    """Depends on the whole window, as instance norms do."""
    return x - x.mean(axis=3, keepdims=True)


def pieces(x, sizes):
    start = 0
    while start < x.shape[1]:
        size = next(sizes)
        yield x[:, start : start + size]
        start += size


def slide(network, x, sizes=None):
    slider = Slider(network, x.shape[1], FRONTEND)
    parts = [slider.push(part) for part in (pieces(x, sizes) if sizes else [x])]
    return np.concatenate([*parts, slider.finish()], axis=1)


@pytest.mark.parametrize("frames", [1, 5, 31, 32, 33, 48, 100, 333])
def test_windows_cover_every_frame_once(rng, frames):
    x = rng.standard_normal((128, frames)).astype(np.float32)
    assert np.allclose(slide(keep, x), x, atol=1e-5)


@pytest.mark.parametrize("frames", [7, 40, 200])
def test_answer_does_not_depend_on_how_frames_arrive(rng, frames):
    x = rng.standard_normal((128, frames)).astype(np.float32)
    whole = slide(relative, x)
    parts = slide(relative, x, iter(rng.integers(1, 40, 1000)))
    assert np.array_equal(whole, parts)
    assert not np.allclose(whole, x, atol=0.1)


def run(y, rate=22050, network=tilt, **options):
    return Stylizer(network, FRONTEND, **options)(y, rate)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("phase", ["input", "retrieve"])
def test_upper_half_is_lowered_at_every_rate(rate, phase):
    y = sine(440.0, 1.0, rate, 0.2) + sine(3600.0, 1.0, rate, 0.2)
    out = run(y, rate, phase=phase)
    assert out.shape == y.shape
    window = np.hanning(y.shape[1])
    levels = []
    for sound in (y, out):
        spectrum = np.abs(np.fft.rfft(sound[0] * window))
        bins = [round(hz * y.shape[1] / rate) for hz in (440.0, 3600.0)]
        levels.append([20 * np.log10(spectrum[b - 2 : b + 3].max()) for b in bins])
    low, high = np.subtract(levels[1], levels[0])
    assert low == pytest.approx(0, abs=1.0) and high == pytest.approx(-20, abs=1.5)


def test_strength_scales_the_change_in_decibels(rng):
    y = sine(440.0, 1.0, 22050, 0.2) + sine(3600.0, 1.0, 22050, 0.2)
    window = np.hanning(y.shape[1])
    levels = []
    for strength in (0.0, 0.5, 1.0):
        spectrum = np.abs(np.fft.rfft(run(y, strength=strength)[0] * window))
        levels.append(20 * np.log10(spectrum[3598:3603].max()))
    assert np.diff(levels) == pytest.approx([-10, -10], abs=1.0)
    assert np.allclose(run(y, network=keep), run(y, strength=0.0), atol=1e-6)


def test_unchanged_picture_gives_the_input_back(rng):
    y = np.concatenate([plucks(rng, 1.3), plucks(rng, 1.3)])
    assert np.max(np.abs(run(y, network=keep) - y)) < 1e-5


@pytest.mark.parametrize("block", [1, 777, 50_000])
@pytest.mark.parametrize("phase", ["input", "retrieve"])
def test_result_does_not_depend_on_the_blocks(rng, block, phase):
    y = plucks(rng, 1.7)[:, : 3000 if block == 1 else None]
    stylizer = Stylizer(relative, FRONTEND, phase=phase)
    blocks = [y[:, a : a + block] for a in range(0, y.shape[1], block)]
    peak, frames = stylizer.peak(blocks, 22050)
    parts = list(stylizer.stream(blocks, 22050, 1, peak=peak, frames=frames))
    whole = stylizer(y, 22050)
    # Searching for phases multiplies differences of rounding between block sizes.
    bound = 1e-5 if phase == "input" else 1e-3 * np.abs(whole).max()
    assert np.max(np.abs(np.concatenate(parts, axis=1) - whole)) < bound


def test_ensemble_plays_what_the_network_made(rng):
    y, ensemble = plucks(rng, 1.0), Ensemble(0.6, ((14.0, 3.0, 0.6), (19.0, 3.0, 0.83)))
    for strength in (1.0, 0.5):
        wanted = EnsembleStream(ensemble, 22050, 1, strength).push(run(y, strength=strength))
        assert np.allclose(run(y, ensemble=ensemble, strength=strength), wanted, atol=1e-6)
    assert np.allclose(run(y, ensemble=ensemble, strength=0.0), y, atol=1e-5)


def test_stereo_image_is_kept(rng):
    left = plucks(rng, 1.0)
    y = np.concatenate([left, 0.25 * left])
    out = run(y)
    assert np.allclose(out[1], 0.25 * out[0], atol=1e-6)
    opposite = np.concatenate([left, -left])  # nothing in the middle: the side still changes
    assert np.allclose(run(opposite)[0], run(left)[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (2, 100), (8, 3000)])
def test_short_and_wide_sounds(rng, shape):
    y = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    out = run(y)
    assert out.shape == y.shape and out.dtype == np.float32 and np.isfinite(out).all()


def test_silence_stays_silent_and_inputs_stay_as_they_are(rng):
    assert not run(np.zeros((2, 5000), np.float32)).any()
    y = plucks(rng, 0.5)
    before = y.copy()
    run(y)
    assert np.array_equal(y, before)


@pytest.mark.parametrize("options", [{"strength": 2.0}, {"phase": "guess"}, {"overlap": 1.0}])
def test_refuses_values_out_of_range(options):
    with pytest.raises(ParameterError):
        run(np.ones((1, 9000), np.float32), **options)
