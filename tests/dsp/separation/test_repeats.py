import numpy as np
import pytest

from audiokit.dsp.separation.bands import Bands, band_filters
from audiokit.dsp.separation.repeats import repeated_levels


@pytest.mark.parametrize(("frames", "start", "stop"), [(1, 0, None), (40, 3, 20), (700, 0, None), (700, 301, 650)])
def test_levels_are_those_of_the_tensors(frames, start, stop):
    import torch

    from audiokit.models.separation import repetition

    levels = np.random.default_rng(frames).random((2, frames, 16)).astype(np.float32)
    found = repeated_levels(levels, memory=120, gap=12, start=start, stop=stop)
    wanted = repetition.repeated_levels(torch.from_numpy(levels)[None], memory=120, gap=12)[0].numpy()
    assert np.array_equal(found, wanted[:, start:stop])


def test_bands_gather_and_spread_as_their_filters_do(rng):
    bands, filters = Bands(n_fft=512, bands=64, single=16), band_filters(n_fft=512, bands=64, single=16)
    x, m = rng.random((2, 257, 9), np.float32), rng.random((3, 2, 64, 9), np.float32)
    assert np.allclose(bands.gather(x), filters @ x, rtol=1e-5)
    assert np.allclose(bands.spread(m), filters.T @ m, atol=1e-6)
