"""Moving means and extremes are scipy's."""

import numpy as np
import pytest
from scipy import ndimage

from audiokit.dsp.spectrum import moving
from audiokit.dsp.spectrum.moving import moving_maximum, moving_mean, moving_minimum


@pytest.mark.parametrize("shape", [(40,), (3, 50), (2, 7, 33), (90, 700)])
@pytest.mark.parametrize("size", [1, 3, 5, 9, 21, 64 + 1])
@pytest.mark.parametrize("mode", ["reflect", "nearest"])
def test_every_axis_gives_scipys_values(shape, size, mode, rng):
    x = rng.standard_normal(shape)
    before = x.copy()
    for axis in range(x.ndim):
        mean = moving_mean(x, size, axis=axis, mode=mode)
        np.testing.assert_allclose(mean, ndimage.uniform_filter1d(x, size, axis=axis, mode=mode), atol=1e-13)
        least, most = (f(x, size, axis=axis, mode=mode) for f in (moving_minimum, moving_maximum))
        assert np.array_equal(least, ndimage.minimum_filter1d(x, size, axis=axis, mode=mode))
        assert np.array_equal(most, ndimage.maximum_filter1d(x, size, axis=axis, mode=mode))
    assert np.array_equal(x, before)


def test_a_loud_place_leaves_nothing_behind():
    x = np.zeros((1, 1000))
    x[0, 400] = 1e12
    x[0, 700] = 1e-8
    mean = moving_mean(x, 9, axis=1)
    assert mean[0, 700] == 1e-8 / 9
    assert (mean[0, 500:690] == 0).all()


def test_types_stay_and_nothing_gives_nothing():
    assert moving_mean(np.ones((2, 9), np.float32), 5, axis=1).dtype == np.float32
    assert moving_minimum(np.zeros((0, 5)), 3, axis=1).shape == (0, 5)
    assert moving_maximum(np.zeros((5, 0)), 3, axis=1).shape == (5, 0)


@pytest.mark.parametrize("size", [1, 2, 9, 43, 259])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_means_with_zeros_beyond_the_ends_are_scipys_to_the_bit(rng, monkeypatch, size, kind):
    x = rng.standard_normal((3, 120, 7)).astype(kind)
    for y in (x, x[::2, :, 1:], np.asfortranarray(x), x.transpose(2, 0, 1), x[0, 0]):
        for axis in range(-1, y.ndim):
            wanted = ndimage.uniform_filter1d(y, size, axis=axis, mode="constant")
            found = moving.mean_with_zeros(y, size, axis=axis)
            assert found.dtype == kind and (found == wanted).all()
            with monkeypatch.context() as without:
                without.setattr(moving, "compiled", lambda name: None)
                assert (moving.mean_with_zeros(y, size, axis=axis) == wanted).all()
