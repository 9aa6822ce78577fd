"""Variations: drawn from a seed, repeatable, and nobody's random state touched."""

import random

import numpy as np
import pytest

from audiokit.dsp.effects.augment import Draw, Effect, augment, join_segments, make_transform, repeat, seeded
from audiokit.errors import InputError, ParameterError
from audiokit.stages.augment.read import read_recipe, recipe_names
from tests import signals

RATE = 22_050


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_vary_and_repeat(rng, name):
    y = signals.plucks(rng, 1.0, RATE, channels=2)
    before = y.copy()
    state, legacy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    effects = read_recipe(name)
    results = [augment(y, RATE, effects, seed=seed) for seed in (1, 1, 2, 3)]
    assert np.array_equal(y, before)
    assert random.getstate() == state and np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    assert np.array_equal(results[0][0], results[1][0])
    assert not np.array_equal(results[0][0], results[2][0])
    assert all(varied.shape == y.shape and np.isfinite(varied).all() for varied, _ in results)
    for varied, draws in results:
        again = [Draw.from_dict(vars(draw)) for draw in draws]
        assert np.array_equal(repeat(y, RATE, again), varied)


def test_noise_is_drawn_from_the_seed_too(rng):
    y = signals.sine(300, 0.5)
    effect = [Effect("AddGaussianSNR", {"p": 1.0, "min_snr_db": 20.0, "max_snr_db": 20.0})]
    noisy, draws = augment(y, RATE, effect, seed=5)
    snr = 10 * np.log10((y**2).sum() / ((noisy - y) ** 2).sum())
    assert abs(snr - 20) < 0.5 and draws[0].parameters["should_apply"] is True
    other, _ = augment(y, RATE, effect, seed=6)
    assert not np.array_equal(noisy, other)


def test_a_strong_stretch_is_drawn_from_the_seed_too(rng):
    y = signals.noise(rng, 1.0, 44_100)
    slower = [Effect("TimeStretch", {"p": 1.0, "min_rate": 0.3, "max_rate": 0.4})]
    (first, draws), (second, _) = (augment(y, 44_100, slower, seed=1) for _ in range(2))
    assert np.array_equal(first, second) and np.array_equal(repeat(y, 44_100, draws), first)


def test_a_chance_of_zero_changes_nothing():
    y = signals.sine(300, 0.2)
    varied, draws = augment(y, RATE, [Effect("Gain", {"p": 0.0})], seed=1)
    assert np.array_equal(varied, y) and draws[0].parameters == {"should_apply": False}


def test_state_comes_back_after_an_error():
    state = random.getstate()
    with pytest.raises(RuntimeError), seeded(1):
        raise RuntimeError
    assert random.getstate() == state


def test_segments_join_without_a_step():
    y = np.linspace(0, 1, 1000, dtype=np.float32)[None]
    assert np.allclose(join_segments(y[:, :600], y[:, 500:], 100), y, atol=1e-6)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (Effect("Louder"), "no transform 'Louder'"),
        (Effect("Compose"), "no transform 'Compose'"),
        (Effect("Gain", {"min_gain": 1}), "no setting 'min_gain'"),
        (Effect("Gain", {"min_gain_db": 3.0, "max_gain_db": -3.0}), "Gain"),
    ],
)
def test_wrong_effects(effect, words):
    with pytest.raises(ParameterError, match=words):
        make_transform(effect)


def test_wrong_recipes(tmp_path):
    with pytest.raises(InputError, match="no such recipe"):
        read_recipe("jazz")
    path = tmp_path / "r.toml"
    path.write_text("x = [")
    with pytest.raises(InputError, match="not a recipe"):
        read_recipe(str(path))
    path.write_text("[[effect]]\np = 1.0\n")
    with pytest.raises(ParameterError, match="effect"):
        read_recipe(str(path))
