"""The compiled transforms equal numpy's, frame by frame, and leave scipy.fft unimported and usable."""

import subprocess
import sys

import numpy as np
import pytest

from audiokit.dsp.spectrum.fft import irfft, rfft


@pytest.mark.parametrize("n", [4, 255, 1024, 2048])
def test_equal_numpys(rng, n):
    frames = rng.standard_normal((2, 9, n)).astype(np.float32)
    spectra = rfft(frames)
    assert spectra.dtype == np.complex64
    np.testing.assert_allclose(spectra, np.fft.rfft(frames.astype(np.float64)), atol=1e-4)
    back = irfft(spectra, n)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, frames, atol=1e-5)


def test_a_frame_does_not_depend_on_its_neighbours(rng):
    frames = rng.standard_normal((1, 37, 1024)).astype(np.float32)
    whole = rfft(frames)
    for count in (1, 3, 5, 16):
        np.testing.assert_array_equal(rfft(frames[:, :count]), whole[:, :count])


def test_scipy_fft_is_not_imported_but_can_be():
    code = (
        "import sys, numpy as np; from audiokit.dsp.spectrum.fft import rfft\n"
        "x = np.ones((1, 8), np.float32); a = rfft(x)\n"
        "assert 'scipy.fft' not in sys.modules and 'scipy.special' not in sys.modules\n"
        "import scipy.fft; assert np.array_equal(scipy.fft.rfft(x), a)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
