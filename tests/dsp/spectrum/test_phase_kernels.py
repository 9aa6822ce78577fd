"""Compiled and interpreted phases are the same bits, and short sounds need no compiler."""

import subprocess
import sys

import numpy as np

from audiokit.dsp.spectrum import phase
from audiokit.dsp.spectrum.griffin_lim import PhaseSettings
from audiokit.dsp.spectrum.stft import stft


def test_compiled_and_interpreted_give_the_same_bits(rng, monkeypatch):
    y = rng.standard_normal((1, 6000)).astype(np.float32) * np.linspace(0, 1, 6000, dtype=np.float32) ** 4
    S = stft(y, n_fft=256, hop=64)[0].T
    settings = PhaseSettings(256, 64)
    for known in (S[:0], S[:8]):
        found = []
        for answer in (True, False):
            monkeypatch.setattr(phase, "worth_compiling", lambda bins, answer=answer: answer)
            found.append(phase._integrate(np.abs(S[len(known) :]), known, settings, np.random.default_rng(0)))
        assert np.array_equal(*found)


def test_short_sounds_import_neither_numba_nor_scipy():
    code = (
        "import sys, numpy as np\n"
        "from audiokit.dsp.spectrum.phase import griffin_lim, pghi\n"
        "pghi(np.ones((1, 129, 50), np.float32), n_fft=256, hop=64)\n"
        "griffin_lim(np.ones((1, 129, 50), np.float32), n_fft=256, hop=64)\n"
        "print(*sorted({'numba', 'scipy'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == ""
