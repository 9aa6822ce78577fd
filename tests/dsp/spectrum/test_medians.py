"""Running medians are scipy's, to the bit."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import median_filter

from audiokit.dsp.spectrum.medians import running_median


@pytest.mark.parametrize("shape", [(40,), (3, 50), (2, 7, 33), (1, 2, 5, 4)])
@pytest.mark.parametrize("size", [1, 3, 9, 17, 31])
@pytest.mark.parametrize("mode", ["reflect", "nearest"])
def test_every_axis_gives_scipys_values(shape, size, mode, rng):
    x = rng.standard_normal(shape).astype(np.float32)
    x[x < -1] = 0  # ties
    before = x.copy()
    for axis in range(x.ndim):
        sizes = [1] * x.ndim
        sizes[axis] = size
        found = running_median(x, size, axis=axis, mode=mode)
        assert found.dtype == x.dtype and found.flags.c_contiguous
        if x.shape[axis] >= size:  # scipy 1.17 errs, not always the same way, where a window is longer than the axis
            assert np.array_equal(found, median_filter(x, size=tuple(sizes), mode=mode))
    assert np.array_equal(x, before)


@pytest.mark.parametrize("length", [1, 2, 3, 14, 15, 16, 40, 100])
@pytest.mark.parametrize("size", [5, 17, 31, 33, 41])
def test_what_is_shorter_than_the_window_is_reflected_until_it_fills_it(length, size, rng):
    x, half = rng.standard_normal((4, length)), size // 2
    places = np.arange(-half, length + half) % (2 * length)
    windows = np.lib.stride_tricks.sliding_window_view(x[:, np.minimum(places, 2 * length - 1 - places)], size, axis=1)
    assert np.array_equal(running_median(x, size, axis=1), np.median(windows, axis=2))


def test_blocks_join(rng):
    x = rng.standard_normal((3, 20_000)).astype(np.float32)  # more than a block, and not a whole number of them
    for size in (9, 17):
        assert np.array_equal(running_median(x, size, axis=1), median_filter(x, size=(1, size)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_wide_windows_are_scipys_too_without_its_package(kind, rng):
    x = rng.standard_normal((5, 400)).astype(kind)
    assert np.array_equal(running_median(x, 65, axis=1), median_filter(x, size=(1, 65)))
    code = (
        "import sys, numpy as np\n"
        "from audiokit.dsp.spectrum.medians import running_median\n"
        "running_median(np.zeros((3, 200)), 65, axis=1)\n"
        "assert 'scipy.ndimage' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_gives_nothing():
    assert running_median(np.zeros((3, 0)), 9, axis=1).shape == (3, 0)
    assert running_median(np.zeros((0, 5)), 9, axis=1).shape == (0, 5)
