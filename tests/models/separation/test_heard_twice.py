"""The built-in engine hears a recording at two speeds and averages."""

import numpy as np
import pytest

from audiokit.models.separation import engines
from audiokit.models.separation.engine import Engine
from audiokit.models.separation.settings import Settings

RATE = 44_100


def spy(gains):
    """An engine whose one stem is the mix times a gain, one more for every time it runs; it keeps what it heard."""
    heard = []

    def run(blocks, stems):
        gain, own = gains[len(heard)], []
        heard.append(own)
        for block in blocks:
            own.append(block)
            yield np.float32(gain) * block[None]

    return Engine(("vocals",), RATE, run, False), heard


def tone(count, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(count) / RATE).astype(np.float32)[None].repeat(2, axis=0)


@pytest.mark.parametrize("sizes", [[44_100], [1, 7, 20_000, 3, 24_089], [9], [1], [2], [3], [4], [5]])
def test_what_both_find_is_averaged_to_the_length_of_the_input(sizes):
    y = tone(sum(sizes))
    engine, heard = spy([1.0, 0.5])
    blocks = iter(np.split(y, np.cumsum(sizes)[:-1], axis=1))
    found = np.concatenate([*engines._heard_twice(engine).run(blocks, ["vocals"])], axis=2)
    assert found.shape == (1, *y.shape)
    if y.shape[1] > 1000:
        inner = slice(500, -500)  # a filter rings at both ends
        np.testing.assert_allclose(found[0, :, inner], 0.75 * y[:, inner], atol=1e-3)
    slow, fast = (np.concatenate(own, axis=1) for own in heard)
    np.testing.assert_array_equal(slow, y)
    assert abs(fast.shape[1] - 0.8 * y.shape[1]) < 2


def test_the_second_time_everything_is_a_fourth_higher():
    engine, heard = spy([1.0, 1.0])
    list(engines._heard_twice(engine).run([tone(44_100)], ["vocals"]))
    spectrum = np.abs(np.fft.rfft(np.concatenate(heard[1], axis=1)[0]))
    assert round(np.argmax(spectrum) * RATE / (2 * (len(spectrum) - 1))) == pytest.approx(550, abs=2)


def test_nothing_in_nothing_out():
    assert not [*engines._heard_twice(spy([1.0, 1.0])[0]).run([], ["vocals"])]


@pytest.mark.parametrize(("quality", "runs"), [("best", True), ("fast", False)])
def test_only_the_best_quality_takes_the_time(monkeypatch, quality, runs):
    twice = []
    monkeypatch.setattr(engines, "_heard_twice", lambda engine: twice.append(engine) or engine)
    engines._network_engine.cache_clear()
    engines.load_engine(Settings(quality=quality))
    engines._network_engine.cache_clear()
    assert bool(twice) is runs
