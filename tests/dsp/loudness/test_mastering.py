"""Every aim is reached, as an independent measurement of the result says."""

import numpy as np
import pytest

from audiokit.dsp.loudness.aim import Aim
from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.loudness.mastering import normalize, plan_level, render
from audiokit.dsp.loudness.match import AverageSpectrum
from audiokit.errors import ParameterError
from tests.signals import noise, plucks, sine, talk

RATE = 44_100


def sounds(rng):
    """Twenty very different sounds: (name, audio)."""
    swell = np.linspace(0.01, 1, 6 * RATE, dtype=np.float32)
    clicks = np.zeros((1, 4 * RATE), np.float32)
    clicks[:, :: RATE // 4] = 0.9
    yield "noise", noise(rng, 5, RATE, 0.1, 2)
    yield "quiet noise", noise(rng, 3, RATE, 0.0008)
    yield "swelling noise", noise(rng, 6, RATE, 0.3, 2) * swell
    yield "tone", sine(440, 3, RATE, 0.2)
    yield "full-scale tone", sine(1000, 3, RATE, 1.0, 2)
    yield "low tone", sine(45, 3, RATE, 0.5)
    yield "over full scale", noise(rng, 3, RATE, 1.2)
    yield "plucks", plucks(rng, 6, RATE, 2)
    yield "quiet plucks", plucks(rng, 6, RATE) * 0.03
    yield "talk", talk(rng, rate=RATE)[0]
    yield "talk with a pause", talk(rng, rate=RATE, pause_after=4)[0] * 0.2
    yield "clicks in noise", clicks + noise(rng, 4, RATE, 0.02)
    yield "half silence", np.concatenate([noise(rng, 3, RATE, 0.2), np.zeros((1, 3 * RATE), np.float32)], axis=1)
    yield "a beep in near silence", noise(rng, 4, RATE, 1e-5) + np.pad(sine(800, 0.5, RATE), ((0, 0), (RATE, 110_250)))
    yield "short", noise(rng, 0.3, RATE, 0.05)
    yield "very short", sine(500, 0.05, RATE, 0.3)
    yield "six channels", noise(rng, 3, RATE, 0.05, 6)
    yield "one side only", np.concatenate([noise(rng, 3, RATE, 0.1), np.zeros((1, 3 * RATE), np.float32)])
    yield "across the absolute gate", noise(rng, 4, RATE, 1) * np.repeat([5e-4, 5e-5], 2 * RATE).astype(np.float32)
    yield "clipped", np.clip(plucks(rng, 4, RATE) * 20, -1, 1)


def test_twenty_sounds_land_on_the_target_with_peaks_held(rng):
    for name, y in sounds(rng):
        before = y.copy()
        result = normalize(y, RATE, to=-16.0)
        heard = measure(result, RATE)
        assert result.shape == y.shape, name
        assert heard.integrated_lufs == pytest.approx(-16.0, abs=0.1), name
        assert heard.true_peak_dbtp <= -0.99, name
        np.testing.assert_array_equal(y, before, err_msg=name)


def test_plain_gain_is_the_only_change_where_the_peaks_fit(rng):
    y = plucks(rng, 4, RATE, 2)
    result = normalize(y, RATE, to=-30.0)
    ratio = result[np.abs(y) > 1e-3] / y[np.abs(y) > 1e-3]
    assert ratio.std() < 1e-6 * ratio.mean()


def test_modes_peak_and_rms(rng):
    y = plucks(rng, 3, RATE)
    assert measure(normalize(y, RATE, mode="peak"), RATE).true_peak_dbtp == pytest.approx(-1, abs=0.01)
    assert measure(normalize(y, RATE, mode="peak", to=-6), RATE).true_peak_dbtp == pytest.approx(-6, abs=0.01)
    loud = measure(normalize(y, RATE, mode="rms", to=-14), RATE)
    assert loud.rms_dbfs == pytest.approx(-14, abs=0.1) and loud.true_peak_dbtp <= -0.99


def test_mode_match(rng):
    reference = noise(rng, 3, RATE, 0.03, 2)
    result = normalize(plucks(rng, 4, RATE), RATE, mode="match", reference=reference)
    wanted = measure(reference, RATE).integrated_lufs
    assert measure(result, RATE).integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_matching_the_spectrum_brings_the_balance_closer(rng):
    def balance(y):
        average = AverageSpectrum(y.shape[0])
        average.process(y)
        edges = [5, 10, 20, 40, 80, 160, 320, 640, 1280]
        bands = np.add.reduceat(average.result(), edges)[:-1]
        return 10 * np.log10(bands / bands.sum())

    y = noise(rng, 8, RATE, 0.1, 2)
    colour = np.cumsum(noise(rng, 8, RATE, 0.1), axis=1)
    colour = noise(rng, 8, RATE, 0.05) + 0.05 * (colour - np.convolve(colour[0], np.ones(2000) / 2000, "same"))
    result = normalize(y, RATE, mode="match", reference=colour.astype(np.float32), match_spectrum=True)
    before, after = np.abs(balance(y) - balance(colour)).mean(), np.abs(balance(result) - balance(colour)).mean()
    assert after < before / 3
    assert result.shape == y.shape
    lag = int(np.argmax(np.correlate(result[0, 9000:13_000], y[0, 10_000:12_000], "valid"))) - 1000
    assert lag == 0


def test_matching_the_own_spectrum_changes_nothing(rng):
    y = plucks(rng, 4, RATE)
    result = normalize(y, RATE, mode="match", reference=y, match_spectrum=True)
    assert np.abs(result - y).max() < 1e-3


def test_per_frame_follows_the_reference(rng):
    level = np.repeat([0.02, 0.2], 5 * RATE).astype(np.float32)
    y, reference = noise(rng, 10, RATE, 0.1), noise(rng, 10, RATE, 1.0) * level
    result = normalize(y, RATE, mode="match", reference=reference, per_frame=True)
    for half in (slice(0, 4 * RATE), slice(6 * RATE, 10 * RATE)):
        ours, theirs = measure(result[:, half], RATE), measure(reference[:, half], RATE)
        assert ours.integrated_lufs == pytest.approx(theirs.integrated_lufs, abs=0.7)
    still = measure(y, RATE)
    assert measure(normalize(y, RATE, per_frame=True, to=-20), RATE).range_lu <= still.range_lu + 0.1


def test_range_is_narrowed_and_the_loudness_kept(rng):
    steps = np.repeat([0.02, 0.05, 0.3, 0.03, 0.1], 5 * RATE).astype(np.float32)
    y = noise(rng, 25, RATE, 1.0) * steps
    result = measure(normalize(y, RATE, to=-20, range_lu=6), RATE)
    assert measure(y, RATE).range_lu > 12
    assert result.range_lu == pytest.approx(6, abs=1)
    assert result.integrated_lufs == pytest.approx(-20, abs=0.1)
    calm = noise(rng, 8, RATE, 0.1)
    np.testing.assert_allclose(normalize(calm, RATE, to=-30, range_lu=10), normalize(calm, RATE, to=-30), atol=1e-6)


def test_lower_only(rng):
    quiet, loud = noise(rng, 2, RATE, 0.01), noise(rng, 2, RATE, 0.3)
    np.testing.assert_array_equal(normalize(quiet, RATE, to=-16, lower_only=True), quiet)
    lowered = measure(normalize(loud, RATE, to=-16, lower_only=True), RATE)
    assert lowered.integrated_lufs == pytest.approx(-16, abs=0.1)
    hot = sine(440, 2, RATE, 1.0) * 0.2
    hot[0, RATE] = 1.0
    held = normalize(hot, RATE, to=-5, lower_only=True)
    assert measure(held, RATE).true_peak_dbtp <= -0.99  # the peak is held all the same
    assert np.abs(held).max() <= np.abs(hot).max()


def test_without_the_limiter_the_gain_stays_small(rng):
    y = plucks(rng, 3, RATE)

    def source():
        yield y

    plan = plan_level(source, RATE, 1, Aim(to=-6.0, limit=False))
    result = np.concatenate(list(render(plan, source(), RATE, 1)), axis=1)
    assert measure(result, RATE).true_peak_dbtp == pytest.approx(-1, abs=0.01)
    assert plan.reduction_db == 0 and "quieter than asked" in plan.warnings[0]


def test_the_plan_tells_the_truth(rng):
    y = plucks(rng, 5, RATE, 2)

    def source():
        return (y[:, start : start + 10_000] for start in range(0, y.shape[1], 10_000))

    for to in (-30.0, -14.0, -10.0):
        plan = plan_level(source, RATE, 2, Aim(to=to))
        heard = measure(np.concatenate(list(render(plan, source(), RATE, 2)), axis=1), RATE)
        for key, value in heard.__dict__.items():
            assert getattr(plan.after, key) == pytest.approx(value, abs=0.01), (to, key)


def test_out_of_reach_is_said():
    y = np.zeros((1, 2 * RATE), np.float32)
    y[0, :: RATE // 2] = 1.0  # four clicks cannot be loud
    plan = plan_level(lambda: [y], RATE, 1, Aim(to=-5.0))
    assert any("quieter than asked" in warning for warning in plan.warnings)


@pytest.mark.parametrize("length", [0, 1, 100, RATE])
def test_silence_stays_silence(length):
    y = np.zeros((2, length), np.float32)
    np.testing.assert_array_equal(normalize(y, RATE), y)
    assert "silent" in plan_level(lambda: [y], RATE, 2, Aim()).warnings[0]


def test_under_the_gate_is_left_alone(rng):
    y = noise(rng, 2, RATE, 1e-6)
    np.testing.assert_array_equal(normalize(y, RATE), y)


def test_same_result_in_any_blocks(rng):
    y = plucks(rng, 3, RATE, 2)
    expected = normalize(y, RATE, to=-9)
    for size in (1000, 30_000):

        def source(size=size):
            return (y[:, start : start + size] for start in range(0, y.shape[1], size))

        plan = plan_level(source, RATE, 2, Aim(to=-9))
        result = np.concatenate(list(render(plan, source(), RATE, 2)), axis=1)
        np.testing.assert_allclose(result, expected, atol=2e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "louder"},
        {"to": 3.0},
        {"peak_dbtp": 1.0},
        {"range_lu": 0.0},
        {"mode": "match"},
        {"match_spectrum": True},
        {"mode": "rms", "per_frame": True},
        {"mode": "match", "reference": np.zeros((1, 1000), np.float32)},
    ],
    ids=str,
)
def test_wrong_values(wrong, rng):
    with pytest.raises(ParameterError):
        normalize(noise(rng, 0.5, RATE), RATE, **wrong)
