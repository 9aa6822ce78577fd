"""Fit the weights in audiokit/dsp/metre.py on synthesised patterns, and say how well they do on patterns left out.

    python -m tests.bench.fit_beats [--patterns 400] [--first-seed 1000] [--jobs 2]

Seeds from 1000 on belong to the fit; the bench and the tests use others. Prints WEIGHTS and PHASE_WEIGHTS.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.optimize import minimize

from audiokit.dsp.beats import level_paths, smooth
from audiokit.dsp.metre import FEATURES, level_features, phase_features
from audiokit.dsp.onsets import onset_curves
from audiokit.dsp.tempo import HIGHEST_BPM, LOWEST_BPM, normalised_curve
from tests.drums import random_pattern

Example = tuple[np.ndarray, np.ndarray]  # features (choices, measures), and which choices are right


def level_example(seed: int) -> Example:
    """Every path of one pattern, and which of them fit its beats about as well as the best does."""
    made = random_pattern(seed, seconds=16)
    curves = onset_curves(made.y, made.rate)
    curve = normalised_curve(smooth(curves.total), curves.frames_per_s)
    paths = level_paths(curve, curves.frames_per_s, (LOWEST_BPM, HIGHEST_BPM))
    fits = []
    for path in paths:
        hits = np.abs(made.beats_s[:, None] - curves.time(path)[None, :]).min(axis=1) < 0.035
        fits.append(2 * hits.sum() / (len(made.beats_s) + len(path)))
    return np.array([level_features(curves, curve, path) for path in paths]), np.array(fits) > max(fits) - 0.05


def phase_example(seed: int) -> Example:
    """Every bar phase of one pattern, and the right one."""
    made = random_pattern(seed, seconds=16)
    skipped = seed % 3
    times = made.beats_s[skipped:]
    per_bar = round(float(np.diff(made.downbeats_s).mean() / np.diff(made.beats_s).mean()))
    features = phase_features(made.y, made.rate, times, onset_curves(made.y, made.rate))
    right = np.array([choice == (per_bar, -skipped % per_bar) for choice in features])
    return np.array(list(features.values())), right


def fit(examples: list[Example], penalty: float) -> np.ndarray:
    """Conditional logistic regression: the right choices of each example should score highest."""

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0, np.zeros_like(weights)
        for features, right in examples:
            scores = features @ weights
            chance = np.exp(scores - scores.max())
            chance /= chance.sum()
            good = chance[right].sum() + 1e-12
            total -= np.log(good)
            slope -= (np.where(right, chance / good, 0.0) - chance) @ features
        n = len(examples)
        return total / n + penalty * float(weights @ weights), slope / n + 2 * penalty * weights

    return minimize(loss, np.zeros(examples[0][0].shape[1]), jac=True, method="L-BFGS-B").x


def report(name: str, make: Callable[[int], Example], seeds: range, jobs: int, penalty: float) -> None:
    """Print how often the right choice wins on the quarter left out (four times), and the weights of all."""
    with ProcessPoolExecutor(jobs) as pool:
        examples = list(pool.map(make, seeds, chunksize=4))
    right = []
    for part in range(4):
        weights = fit([e for k, e in enumerate(examples) if k % 4 != part], penalty)
        right += [e[1][int(np.argmax(e[0] @ weights))] for e in examples[part::4]]
    print(f"{name}: right on {100 * np.mean(right):.1f} % of {len(examples)} patterns, each left out of its fit")
    print(np.round(fit(examples, penalty), 2).tolist(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=400)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.patterns)
    run = partial(report, seeds=seeds, jobs=given.jobs)
    run(f"level ({len(FEATURES)} measures)", level_example, penalty=3e-4)
    run("bar phase", phase_example, penalty=1e-3)


if __name__ == "__main__":
    main()
