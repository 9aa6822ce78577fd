"""The built-in engine hears a recording at two speeds, and averages its masks."""

import numpy as np
import pytest

from audiokit.dsp.separation.bands import Bands
from audiokit.models.separation import engines
from audiokit.models.separation.band_settings import BandUnetConfig
from audiokit.models.separation.hearings import Shift, Stretched, TwoHearings
from audiokit.models.separation.settings import Settings

RATE = 44_100
CONFIG = BandUnetConfig()


class Spy:
    """Stands in for the network: gives each hearing's frames one mask, and keeps what it is told of them."""

    config = CONFIG

    def __init__(self, *gains):
        self.gains, self.known, self.powers = gains, [], []
        self._bands = Bands(n_fft=CONFIG.n_fft, bands=CONFIG.bands, single=CONFIG.single)

    def told(self, known, core):
        for piece in known:
            self.known.append(piece)
            self.powers.append(piece[:, 0])
            yield self._masks(piece, self.gains[0]).reshape(len(piece), 4, CONFIG.bands, -1)

    def heard(self, powers, core):
        self.again = []
        for piece in powers:
            self.again.append(piece)
            yield self._masks(piece, self.gains[1])

    def weighed(self, told, core):
        for piece in told:
            yield piece[:, None, :2]

    def spread(self, masks):
        first = self._bands.spread(masks[:, 0].swapaxes(2, 3))
        yield np.stack([first, 1 - first], axis=1)

    def hearing(self, number):
        return np.concatenate(self.again if number else self.powers, axis=-1)

    def _masks(self, piece, gain):
        one = np.full((len(piece), 2, CONFIG.bands, piece.shape[-1]), gain, np.float32)
        return np.stack([one, 1 - one], axis=1)


def separated(masks, y, sizes=None, stems=("vocals",)):
    blocks = np.split(y, np.cumsum(sizes)[:-1], axis=1) if sizes else [y]
    return np.concatenate([*TwoHearings(masks, 500)(iter(blocks), stems)], axis=2)


def tone(count, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(count) / RATE).astype(np.float32)[None].repeat(2, axis=0)


@pytest.mark.parametrize("sizes", [[44_100], [1, 7, 20_000, 3, 24_089], [9], [1], [2], [1024], [5000], [1023, 2]])
def test_both_masks_are_averaged_over_the_length_of_the_input(sizes):
    y = tone(sum(sizes))
    found = separated(Spy(1.0, 0.5), y, sizes, ["vocals", "accompaniment"])
    assert found.shape == (2, *y.shape)
    np.testing.assert_allclose(found, np.stack([0.75 * y, 0.25 * y]), atol=1e-5)


def test_several_pairs_of_channels_keep_to_themselves(rng):
    y = rng.standard_normal((6, 30_000)).astype(np.float32)
    np.testing.assert_allclose(separated(Spy(0.5, 0.5), y)[0], 0.5 * y, atol=1e-5)


def test_the_second_time_everything_is_a_tenth_lower_and_slower():
    y = tone(3 * RATE)
    y[:, RATE:] = 0
    spy = Spy(1.0, 1.0)
    separated(spy, y)
    centers, hop_hz = spy._bands.centers, RATE / CONFIG.n_fft
    ends = []
    for number, hz in ((0, 440), (1, 396)):
        power = spy.hearing(number)[0, 0]  # of the middle, (bands, n)
        assert centers[power.sum(axis=1).argmax()] * hop_hz == pytest.approx(hz, abs=hop_hz)
        loud = power.sum(axis=0) > 0.25 * power.sum(axis=0).max()
        ends.append(np.flatnonzero(loud)[-1])
    assert ends[1] == pytest.approx(ends[0] / 0.9, abs=1)
    assert spy.hearing(1).shape[-1] == pytest.approx(spy.hearing(0).shape[-1] / 0.9, abs=4)


def test_what_comes_back_is_told_beside_what_the_network_says(rng):
    loop = rng.standard_normal((2, RATE)).astype(np.float32)
    y = np.concatenate([loop, loop, loop, rng.standard_normal((2, 3 * RATE)).astype(np.float32)], axis=1)
    spy = Spy(1.0, 1.0)
    separated(spy, y)
    fresh = np.concatenate(spy.known, axis=-1)[0, 2, :, 20:200].mean(axis=(0, 1))
    second = round(RATE / CONFIG.hop)
    assert fresh[second // 2 : 5 * second // 2].mean() < 0.1, "the loop comes back"
    assert fresh[7 * second // 2 : 11 * second // 2].mean() > 0.6, "the rest does not"


def test_a_whole_excerpt_is_told_of_as_a_stream_is(rng):
    y = rng.standard_normal((2, 50_000)).astype(np.float32)
    spy = Spy(1.0, 0.5)
    told = TwoHearings(spy, 500).told(y)
    assert told.shape == (1, 4, CONFIG.bands, spy.hearing(0).shape[-1])
    np.testing.assert_allclose(told[0, :, 0, 0], [0.75, 0.75, 0.25, 0.25], atol=1e-6)


def test_segments_are_for_memory_not_for_the_sound(monkeypatch):
    from audiokit.models.separation.separator import Separation

    rng = np.random.default_rng(5)
    y = 0.1 * rng.standard_normal((2, 20 * RATE)).astype(np.float32) + tone(20 * RATE)
    whole, cut = (
        np.concatenate([b["vocals"] for b in Separation(Settings(segment_s=s), RATE, 2).run([y])], axis=1)
        for s in (30, 4)
    )
    assert np.sum((whole - cut) ** 2) < 1e-10 * np.sum(whole**2)


def test_nothing_in_nothing_out():
    assert not [*TwoHearings(Spy(1.0, 1.0), 500)([], ["vocals"])]


@pytest.mark.parametrize(("quality", "runs"), [("best", True), ("fast", False)])
def test_only_the_best_quality_takes_the_time(monkeypatch, quality, runs):
    twice, real = [], engines._heard_twice
    monkeypatch.setattr(engines, "_heard_twice", lambda *given: twice.append(given) or real(*given))
    engines._network_engine.cache_clear()
    engines.load_engine(Settings(quality=quality))
    engines._network_engine.cache_clear()
    assert bool(twice) is runs


@pytest.mark.parametrize("pace", [0.8, 1.25, 3.0, 1.0])
def test_frames_at_another_pace_are_those_between(rng, pace):
    y = rng.standard_normal((2, 60))
    sizes = rng.integers(1, 9, 12)
    frames = Stretched(iter(np.split(y, np.cumsum(sizes), axis=1)[: len(sizes)]), pace)
    found = np.concatenate([frames.take(int(n)) for n in rng.integers(1, 20, 8)], axis=1)
    known = y[:, : sizes.sum()]
    at = pace * np.arange(found.shape[1])
    wanted = np.stack([np.interp(at, np.arange(known.shape[1]), row) for row in known])
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_bands_of_a_higher_recording_and_back(rng):
    centers = Bands(n_fft=4096, bands=256, single=150).centers
    x = np.sin(centers / 40)[:, None]
    higher = Shift(centers, 0.8)(x)
    np.testing.assert_allclose(higher[:140, 0], np.sin(0.8 * centers[:140] / 40), atol=1e-3)
    np.testing.assert_allclose(Shift(centers, 1.25)(higher)[:110], x[:110], atol=2e-3)
