"""The meter against the standards' own signals, synthesised, and against the other implementations."""

import numpy as np
import pytest

from audiokit.dsp.loudness.iir import SectionFilter
from audiokit.dsp.loudness.loudness import Meter, integrate, k_weighting, measure
from audiokit.dsp.loudness.true_peak import PeakTracker, true_peak
from audiokit.errors import ParameterError
from tests.signals import noise, sine

RATE = 48_000


def tones(*segments, rate=RATE, hz=1000.0):
    """Stereo sine segments (level in dBFS, seconds), one after the other, as Tech 3341 and 3342 write them."""
    parts = [10 ** (db / 20) * np.sin(2 * np.pi * hz * np.arange(round(s * rate)) / rate) for db, s in segments]
    return np.tile(np.concatenate(parts).astype(np.float32), (2, 1))


def silence(seconds, rate=RATE):
    return np.zeros((2, round(seconds * rate)), np.float32)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
    ids=["1", "2", "3", "4", "5"],
)
def test_tech_3341_integrated(segments, expected):
    assert measure(tones(*segments), RATE).integrated_lufs == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000, 192_000])
def test_any_rate_reads_the_same(rate):
    assert measure(tones((-23, 3), rate=rate, hz=997), rate).integrated_lufs == pytest.approx(-23, abs=0.1)


def test_tech_3341_case_6_surround():
    levels = [-28, -28, -24, None, -30, -30]  # left, right, centre, low-frequency effects, surrounds
    y = np.concatenate([tones((db, 20))[:1] if db else silence(20)[:1] for db in levels])
    assert measure(y, RATE).integrated_lufs == pytest.approx(-23, abs=0.1)
    y[3] = 0.5  # the low-frequency effects channel does not count
    assert measure(y, RATE).integrated_lufs == pytest.approx(-23, abs=0.1)


def test_tech_3341_case_9_short_term_is_constant():
    y = tones(*[(-20, 1.34), (-30, 1.66)] * 5)
    assert measure(y, RATE).short_term_max_lufs == pytest.approx(-23, abs=0.1)


def test_tech_3341_case_12_momentary_is_constant():
    y = tones(*[(-20, 0.18), (-30, 0.22)] * 25)
    assert measure(y, RATE).momentary_max_lufs == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("i", range(0, 20, 3))
def test_tech_3341_cases_10_and_13_bursts_at_any_moment(i):
    ten = np.concatenate([silence(0.15 * i), tones((-23, 3)), silence(1)], axis=1)
    assert measure(ten, RATE).short_term_max_lufs == pytest.approx(-23, abs=0.1)
    thirteen = np.concatenate([silence(0.02 * i), tones((-23, 0.4)), silence(1)], axis=1)
    assert measure(thirteen, RATE).momentary_max_lufs == pytest.approx(-23, abs=0.1)


def test_tech_3341_cases_11_and_14_rising_bursts_as_a_live_meter_hears_them():
    eleven, fourteen = Meter(RATE, 2), Meter(RATE, 2)
    for i in range(20):
        level = -38 + i
        eleven.process(np.concatenate([silence(0.15 * i), tones((level, 3)), silence(3 - 0.15 * i)], axis=1))
        fourteen.process(np.concatenate([silence(0.02 * i), tones((level, 0.4)), silence(0.4 - 0.02 * i)], axis=1))
        if i % 6 == 0 or i == 19:
            assert eleven.result().short_term_max_lufs == pytest.approx(level, abs=0.1)
            assert fourteen.result().momentary_max_lufs == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "expected"),
    [(4, 0, 0.5, -6), (4, 45, 0.5, -6), (6, 60, 0.5, -6), (8, 67.5, 0.5, -6), (4, 45, 1.41, 3)],
    ids=["15", "16", "17", "18", "19"],
)
def test_tech_3341_true_peak(divisor, degrees, amplitude, expected):
    n = np.arange(RATE)
    fade = np.minimum(1, np.minimum(n, n[::-1]) / 1000)
    y = amplitude * fade * np.sin(2 * np.pi * n / divisor + np.radians(degrees))
    level = measure(np.tile(y.astype(np.float32), (2, 1)), RATE).true_peak_dbtp
    assert expected - 0.4 <= level <= expected + 0.2


@pytest.mark.parametrize("offset", range(4), ids=["20", "21", "22", "23"])
def test_tech_3341_true_peak_between_any_samples(offset):
    """A band-limited burst made at four times the rate, of which every fourth sample is kept."""
    n = np.arange(4 * 4800)
    burst = np.sin(2 * np.pi * n / 24) * np.exp(-(((n - 9606) / 300.0) ** 2))
    burst /= np.abs(burst).max()
    level = 20 * np.log10(true_peak(burst[None, offset::4].astype(np.float32), RATE))
    assert -0.4 <= level <= 0.2


@pytest.mark.parametrize(
    ("levels", "expected"), [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)]
)
def test_tech_3342_range(levels, expected):
    assert measure(tones(*[(db, 20) for db in levels]), RATE).range_lu == pytest.approx(expected, abs=0.1)


def test_itu_gate_files(shared):
    import soundfile

    for name, expected in [("1770-2_Comp_AbsGateTest", -69.5), ("1770-2_Comp_RelGateTest", -10.0)]:
        y, rate = soundfile.read(shared / "audio/loudness/pyloudnorm" / f"{name}.wav", dtype="float32", always_2d=True)
        assert measure(np.ascontiguousarray(y.T), rate).integrated_lufs == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_equals_pyloudnorm_with_exact_coefficients(rng, rate):
    import pyloudnorm

    y = noise(rng, 7.3, rate, channels=2) * np.linspace(0.02, 2, round(7.3 * rate), dtype=np.float32)
    theirs = pyloudnorm.Meter(rate, filter_class="DeMan")
    mine = measure(y, rate)
    assert mine.integrated_lufs == pytest.approx(theirs.integrated_loudness(y.T.astype(np.float64)), abs=0.01)


def test_k_weighting_of_the_standard():
    printed = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1, -2, 1, 1, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(48_000), printed, atol=1e-10)


def test_section_filter_equals_scipy_however_it_is_cut(rng):
    from scipy import signal

    sections = k_weighting(44_100)
    x = rng.standard_normal((2, 30_000))
    expected = signal.sosfilt(sections, x)
    for sizes in ([30_000], [1, 63, 64, 65, 2048, 2049, 2112, 4096]):
        mine, start, k = [], 0, 0
        ours = SectionFilter(sections, 2)
        while start < x.shape[1]:
            size = sizes[k % len(sizes)]
            mine.append(ours.process(x[:, start : start + size]))
            start, k = start + size, k + 1
        np.testing.assert_allclose(np.concatenate(mine, axis=1), expected, atol=1e-9)


def test_blocks_do_not_matter(rng):
    y = noise(rng, 3.21, 44_100, channels=2)
    whole = measure(y, 44_100)
    meter, start = Meter(44_100, 2), 0
    while start < y.shape[1]:
        size = int(rng.integers(1, 9000))
        meter.process(y[:, start : start + size])
        start += size
    for key, value in meter.result().__dict__.items():
        assert value == pytest.approx(getattr(whole, key), abs=1e-6), key


def test_reading_the_meter_changes_nothing(rng):
    y = noise(rng, 2, 44_100)
    meter = Meter(44_100, 1)
    meter.process(y[:, :30_001])
    meter.result()
    meter.process(y[:, 30_001:])
    assert meter.result().as_dict() == measure(y, 44_100).as_dict()


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_places_that_are_not_oversampled_hold_no_higher_peak(rng, rate):
    fades = np.linspace(0.1, 3, rate, dtype=np.float32)
    for y in (
        noise(rng, 1, rate, channels=2) * fades,
        sine(300, 1, rate, 0.5, channels=2) * fades,
        sine(rate / 2.1, 1, rate, 0.5) * fades,
        np.sign(sine(997, 1, rate, 0.5)),
    ):
        everywhere = PeakTracker(rate, len(y))
        everywhere.process(y, floor=-1.0)
        assert true_peak(y, rate) == pytest.approx(everywhere.flush(), rel=1e-6)
        # The same of every place above a floor, not of the highest alone.
        floor = 0.7 * everywhere.peak
        _, all_places, all_levels = PeakTracker(rate, len(y)).process(y, floor=-1.0)
        _, places, levels = PeakTracker(rate, len(y)).process(y, floor=floor)
        np.testing.assert_array_equal(places, all_places[all_levels > floor])
        np.testing.assert_allclose(levels, all_levels[all_levels > floor], rtol=1e-5)


def test_short_sounds_are_measured_whole():
    y = sine(1000, 0.2, RATE, 0.1, channels=2)
    assert measure(y, RATE).integrated_lufs == pytest.approx(-20, abs=0.3)
    assert measure(np.full((1, 1), 0.5, np.float32), RATE).sample_peak_dbfs == pytest.approx(-6, abs=0.1)


def test_silence_and_nothing_are_minus_infinity():
    for y in (np.zeros((2, RATE), np.float32), np.zeros((1, 0), np.float32)):
        heard = measure(y, RATE)
        assert heard.integrated_lufs == heard.true_peak_dbtp == -np.inf
        assert heard.as_dict()["integrated_lufs"] is None


def test_dual_mono_counts_twice():
    y = sine(997, 2, RATE, 0.1)
    once, twice = measure(y, RATE), measure(y, RATE, dual_mono=True)
    stereo = measure(np.tile(y, (2, 1)), RATE)
    assert twice.integrated_lufs == pytest.approx(stereo.integrated_lufs, abs=1e-6)
    assert twice.integrated_lufs - once.integrated_lufs == pytest.approx(3.01, abs=0.01)


def test_direct_current_is_not_loud(rng):
    y = noise(rng, 2, RATE, 0.01)
    fade = np.minimum(1, np.arange(y.shape[1], dtype=np.float32) / RATE)
    assert measure(y + 0.5 * fade, RATE).integrated_lufs == pytest.approx(measure(y, RATE).integrated_lufs, abs=0.1)


def test_low_rates_are_refused():
    with pytest.raises(ParameterError, match="3000 Hz"):
        measure(np.zeros((1, 100), np.float32), 3000)


def test_album_gates_over_all_blocks():
    loud, quiet = np.full(100, 0.1), np.full(100, 0.001)
    assert integrate(np.concatenate([loud, quiet])) == pytest.approx(integrate(loud))
