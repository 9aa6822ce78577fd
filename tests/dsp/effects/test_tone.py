"""Our equalisers, filters and noise against the transforms of audiomentations that they are named after."""

import random
import subprocess
import sys

import numpy as np
import pytest

from audiokit.dsp.effects import tone
from audiokit.dsp.effects.augment import Effect, augment, make_transform, seeded


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("SevenBandParametricEQ", {"p": 0.8, "max_gain_db": 9.0}),
        ("PeakingFilter", {"p": 0.8, "min_q": 0.7}),
        ("LowPassFilter", {"p": 0.8, "min_rolloff": 6, "max_rolloff": 36}),
        ("HighPassFilter", {"p": 0.8, "min_rolloff": 6, "max_rolloff": 36}),
        ("AddColorNoise", {"p": 0.8, "n_fft": 64}),
    ],
)
def test_draws_parameters_and_audio_are_those_of_audiomentations(rng, name, settings, seed):
    import audiomentations

    y = (0.3 * rng.standard_normal((2, 9000)) + 0.2).astype(np.float32)
    y = y[0] if seed % 2 else y
    ours, theirs = getattr(tone, name)(**settings), getattr(audiomentations, name)(**settings)
    results = []
    for transform in (ours, theirs):
        with seeded(seed):
            results.append((transform(y, 22_050), random.random(), float(np.random.random())))  # noqa: NPY002
    assert list(ours.parameters.items()) == list(theirs.parameters.items())
    assert results[0][1:] == results[1][1:]
    assert results[0][0].dtype == np.float32
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-6)
    changed = np.abs(results[0][0] - y).max() > 1e-3
    assert changed == ours.parameters["should_apply"]


def test_other_settings_are_left_to_audiomentations():
    for use, setting in (("LowPassFilter", {"zero_phase": True}), ("AddColorNoise", {"p_apply_a_weighting": 0.5})):
        assert type(make_transform(Effect(use, setting))).__module__.startswith("audiomentations.")
        assert type(make_transform(Effect(use))).__module__ == "audiokit.dsp.effects.tone"


def test_bands_above_half_the_rate_stay_finite(rng):
    y = rng.standard_normal((1, 4000)).astype(np.float32)
    for seed in range(10):
        varied, _ = augment(y, 4000, [Effect("SevenBandParametricEQ", {"p": 1.0})], seed=seed)
        assert np.isfinite(varied).all()
        assert np.abs(varied).max() < 100


@pytest.mark.parametrize("name", ["music", "notes", "speech"])
def test_shipped_recipes_import_neither_scipy_nor_all_of_audiomentations(name):
    code = (
        "import sys, numpy as np, audiokit\n"
        f"audiokit.augment(np.ones((1, 8000), np.float32), 16000, recipe={name!r}, seed=3)\n"
        "print(*sorted({'audiomentations', 'scipy', 'numba'} & set(sys.modules)))\n"
        "import audiomentations\n"
        "assert audiomentations.Compose and audiomentations.Gain"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == ""
