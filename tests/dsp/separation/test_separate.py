import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.dsp.separation.masks import extend_upwards, harmonic_percussive, ratio_masks, repetition
from audiokit.dsp.separation.separate import Fifo, Masking, blended, separate, separate_windows
from audiokit.dsp.separation.wiener import WienerModel
from audiokit.dsp.spectrum.stft import stft
from audiokit.errors import ParameterError
from tests import signals


def halves(X: np.ndarray) -> np.ndarray:
    """Three quarters to the first stem, one quarter to the second."""
    return np.stack([np.full(X.shape, 0.75, np.float32), np.full(X.shape, 0.25, np.float32)], axis=1)


def masking(masks=halves, **changes) -> Masking:
    return Masking(**{"stems": ("a", "b"), "rate": 8000, "n_fft": 64, "hop": 16, "masks": masks, "core": 24, **changes})


def run(y, how, *, block=1000, stems=None):
    blocks = (y[:, i : i + block] for i in range(0, y.shape[1], block))
    parts = list(separate(blocks, how, stems=stems))
    return np.concatenate(parts, axis=2) if parts else None


@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(1, 3000),
    block=st.integers(1, 1500),
    core=st.integers(1, 60),
    around=st.integers(0, 20),
    faded=st.booleans(),
    mid_side=st.booleans(),
    pairs=st.integers(1, 4),
)
def test_constant_masks_give_the_input_back_in_time(length, block, core, around, faded, mid_side, pairs):
    y = np.random.default_rng(length).standard_normal((2 * pairs, length)).astype(np.float32)
    how = masking(core=core, before=around, after=around, fade=min(around, core) if faded else 0, mid_side=mid_side)
    a, b = run(y, how, block=block)
    assert a.shape == y.shape
    np.testing.assert_allclose(a, 0.75 * y, atol=2e-6)
    np.testing.assert_allclose(b, 0.25 * y, atol=2e-6)


def test_nothing_in_nothing_out():
    assert run(np.zeros((2, 0), np.float32), masking()) is None


def test_only_the_stems_wanted_in_the_order_wanted(rng):
    y = rng.standard_normal((2, 500)).astype(np.float32)
    (b,) = run(y, masking(), stems=["b"])
    np.testing.assert_allclose(b, 0.25 * y, atol=2e-6)
    swapped = run(y, masking(), stems=["b", "a"])
    np.testing.assert_allclose(swapped[1], 0.75 * y, atol=2e-6)


@pytest.mark.parametrize("block", [1, 77, 5000])
def test_ways_at_different_paces_are_averaged_in_step(rng, block):
    y = rng.standard_normal((2, 3001)).astype(np.float32)
    quick, slow = masking(core=2), masking(core=40, before=3, after=11)
    ways = [(0.25, quick), (0.75, replace(slow, masks=lambda X: 1 - slow.masks(X)))]
    blocks = (y[:, k : k + block] for k in range(0, y.shape[1], block))
    way = [(weight, partial(separate, masking=how, stems=["a"])) for weight, how in ways]
    found = np.concatenate(list(blended(blocks, way)), axis=2)
    assert found.shape == (1, 2, 3001)
    np.testing.assert_allclose(found[0], (0.25 * 0.75 + 0.75 * 0.25) * y, atol=2e-6)


def test_of_the_surroundings_only_what_is_seen_of_them_is_held(rng):
    y = rng.standard_normal((2, 300_000)).astype(np.float32)
    plain = masking(core=64, before=20_000)
    bins = plain.n_fft // 2 + 1

    def masks(levels, start, stop):
        yield np.full((1, 2, 2, bins, stop - start), 0.5, np.float32)

    seeing = replace(plain, seen=lambda X: np.abs(X).mean(axis=2), masks=masks)
    tracemalloc.start()
    try:
        lengths = [part.shape[2] for part in separate((y[:, k : k + 500] for k in range(0, 300_000, 500)), seeing)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(lengths) == 300_000
    assert peak < 0.25 * 2 * bins * 300_000 / plain.hop * 8  # a quarter of all spectra


def local_masks(X: np.ndarray) -> np.ndarray:
    """A mask that depends on the frames up to 3 before and after, as a network's does."""
    level = np.abs(X)
    padded = np.pad(level, ((0, 0), (0, 0), (0, 0), (3, 3)))
    mean = sum(padded[..., k : k + level.shape[3]] for k in range(7)) / 7
    first = (level / (level + mean + 1e-9)).astype(np.float32)
    return np.stack([first, 1 - first], axis=1)


@pytest.mark.parametrize("core", [5, 17, 40, 1000])
def test_with_surroundings_that_cover_the_reach_segments_leave_no_trace(rng, core):
    y = rng.standard_normal((2, 4000)).astype(np.float32)
    whole = run(y, masking(local_masks, core=10**6))
    cut = run(y, masking(local_masks, core=core, before=3, after=3))
    np.testing.assert_allclose(cut, whole, atol=1e-5)
    if core < 100:
        assert np.abs(run(y, masking(local_masks, core=core)) - whole).max() > 1e-3


def test_masks_follow_the_channels_they_belong_to(rng):
    y = rng.standard_normal((4, 600)).astype(np.float32)

    def second_pair_only(X):
        masks = np.zeros((X.shape[0], 2, *X.shape[1:]), np.float32)
        masks[1, 0] = 1
        return masks

    a, b = run(y, masking(second_pair_only))
    np.testing.assert_allclose(a[2:], y[2:], atol=2e-6)
    assert not a[:2].any() and not b.any()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 400), st.integers(1, 300), st.integers(1, 90), st.integers(0, 30), st.integers(0, 30))
def test_windows_of_audio_join_without_a_seam(length, block, core, context, fade):
    y = np.random.default_rng(length).standard_normal((2, length)).astype(np.float32)
    blocks = (y[:, i : i + block] for i in range(0, length, block))
    fade = min(fade, context)
    parts = list(separate_windows(blocks, lambda x: np.stack([x, -x]), core=core, context=context, fade=fade))
    found = np.concatenate(parts, axis=2)
    np.testing.assert_allclose(found[0], y, atol=1e-6)
    np.testing.assert_allclose(found[1], -y, atol=1e-6)


def test_fifo_gives_back_what_came_in_order(rng):
    fifo, y = Fifo(3), rng.standard_normal((3, 5000)).astype(np.float32)
    taken, at = [], 0
    for size in (100, 1, 2000, 0, 700, 2199):
        fifo.push(y[:, at : at + size])
        at += size
        taken.append(fifo.pull(size // 2))
    taken.append(fifo.pull(10**6))
    fifo.close()
    assert np.array_equal(np.concatenate(taken, axis=1), y)


def tone_and_clicks(rate=8000):
    t = np.arange(2 * rate) / rate
    tone = 0.3 * np.sin(2 * np.pi * 440 * t)
    clicks = np.zeros_like(t)
    clicks[::1000] = 1.0
    return tone.astype(np.float32), clicks.astype(np.float32)


def sdr(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((reference - estimate) ** 2))


def test_harmonic_and_percussive_parts_of_a_tone_with_clicks():
    tone, clicks = tone_and_clicks()
    y = np.tile(tone + clicks, (2, 1))
    how = Masking(("h", "p"), 8000, 512, 128, lambda X: harmonic_percussive(np.abs(X)), core=60, before=8, after=8)
    harmonic, percussive = run(y, how)
    middle = slice(1000, -1000)
    assert sdr(tone[middle], harmonic[0, middle]) > 15
    assert sdr(clicks[middle], percussive[0, middle]) > 8


def test_harmonic_and_percussive_parts_are_librosas(rng):
    from librosa.decompose import hpss

    y = signals.plucks(rng, 2.0, 22_050, channels=2) + 0.1 * rng.standard_normal((2, 44_100)).astype(np.float32)
    X = np.abs(stft(y))
    masks = np.stack(hpss(X, kernel_size=(17, 17), power=2.0, mask=True))
    assert np.allclose(harmonic_percussive(X[None])[0], masks, atol=1e-4)


def test_a_voice_over_a_loop_is_what_does_not_repeat(rng):
    rate = 8000
    loop = np.tile(rng.standard_normal(rate // 2) * np.exp(-np.arange(rate // 2) / 900), 24).astype(np.float32)
    t = np.arange(loop.size) / rate
    voice = np.where((t > 4) & (t < 8), 0.3 * np.sin(2 * np.pi * (500 * t + 60 * t**2)), 0).astype(np.float32)
    y = np.tile(loop + voice, (2, 1))
    how = Masking(("v", "a"), rate, 512, 128, lambda X: repetition(np.abs(X), hop_s=0.016, neighbours=8), core=10**6)
    found_voice, found_loop = run(y, how)
    assert sdr(loop, found_loop[0]) > sdr(loop, y[0]) + 8
    assert sdr(voice, found_voice[0]) > sdr(voice, y[0]) + 8


def test_a_background_without_repetitions_stays_background(rng):
    magnitude = np.abs(rng.standard_normal((1, 2, 20, 3))).astype(np.float32)
    masks = repetition(magnitude, hop_s=1.0, apart_s=9.0)
    assert masks[:, 1].min() > 0.99


def test_ratio_masks_share_out_everything(rng):
    masks = ratio_masks(np.abs(rng.standard_normal((1, 3, 2, 5, 4))).astype(np.float32))
    np.testing.assert_allclose(masks.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(ratio_masks(np.zeros((1, 4, 2, 1, 1), np.float32)), 0.25)


@pytest.mark.parametrize(("how", "expected"), [("average", [0.3, 0.7]), ("zero", [0, 0]), ("mix", [0, 1])])
def test_masks_continue_upwards(how, expected):
    masks = np.empty((1, 2, 2, 4, 3), np.float32)
    masks[:, 0], masks[:, 1] = 0.3, 0.7
    out = extend_upwards(masks, 10, how)
    assert out.shape == (1, 2, 2, 10, 3)
    np.testing.assert_allclose(out[0, :, 0, 9, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(out[..., :4, :], masks)
    with pytest.raises(ParameterError, match="average, zero or mix"):
        extend_upwards(masks, 10, "none")


def test_wiener_filter_tells_stems_by_their_place(rng):
    """Two noises of equal spectrum at two places: magnitudes alone cannot tell them, their places can."""
    loud = np.repeat(rng.random((2, 1, 9, 60)) > 0.5, 2, axis=1)
    places = np.array([[1.0, 0.2], [0.2, 1.0]])[:, :, None, None]
    source = rng.standard_normal((2, 1, 9, 60)) + 1j * rng.standard_normal((2, 1, 9, 60))
    truth = (source * places * (0.3 + loud)).astype(np.complex64)
    X, v = truth.sum(axis=0), np.abs(truth).astype(np.float32)
    model = WienerModel(2, 2, 9)
    for part in (slice(0, 20), slice(20, 60)):
        model.learn(X[..., part], v[..., part])
    found = np.concatenate([model.apply(X[..., p], v[..., p]) for p in (slice(0, 33), slice(33, 60))], axis=-1)
    masked = v / v.sum(axis=0) * X

    def error(y):
        return np.sum(np.abs(y - truth) ** 2)

    assert error(found) < 0.5 * error(masked)


def test_wiener_route_in_segments_equals_whole(rng):
    y = rng.standard_normal((2, 3000)).astype(np.float32)

    def magnitudes(X):
        level = np.abs(X[..., :20, :])
        return np.stack([level * 0.7, level * 0.4], axis=1).astype(np.float32)

    a, b = (run(y, masking(magnitudes, core=core, wiener=True)) for core in (16, 10**6))
    np.testing.assert_allclose(a, b, atol=1e-5)
    levels = np.abs(stft(a[0], n_fft=64, hop=16))[:, :, 10:-10]
    assert levels[:, 24:].max() < 1e-2 * levels.max()  # next to nothing above the bins that were estimated
