"""Fit the weights of bars (audiokit/dsp/rhythm/metre.py) and of the confidence (confidence.py); say how well they do.

    python -m tests.bench.fit_beats [--patterns 300] [--jobs 2] [--sure]

The bar phase is cross-validated: what is judged was left out of the fit. Seeds from 1000 belong to it. With --sure the
confidence is fitted, on music that neither the network of levels (fit_level.py) nor the bench has heard and on sound
without a beat: beats look surer where they were learnt. No annotated recording is fitted to. Arrangements need
fluidsynth.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.optimize import minimize

from audiokit.dsp.rhythm.beats import beat_measures, track_beats
from audiokit.dsp.rhythm.harmony import Harmony
from audiokit.dsp.rhythm.metre import phase_features
from audiokit.dsp.rhythm.onsets import onset_curves
from tests.bench.fit_level import JUDGED, RATE, SOUNDFONT, music
from tests.drums import random_pattern

Example = tuple[np.ndarray, np.ndarray]  # measures of every choice (N, M), and how well each choice fits (N,)

#: What the confidence is fitted on, in the form of `JUDGED`.
SPARE = (*JUDGED, ("arrangement", 30_120, 60, 0), ("song", 70_000, 20, 0), ("beatless", 45_000, 60, 0))
#: Choices that fit this much less than the best count as right too.
NEARLY = 0.05
#: How much large weights of the bars cost.
PENALTY = 1e-3


def phase_example(seed: int) -> Example:
    """Every bar phase of one pattern, and 1 for the right one."""
    made = random_pattern(seed, seconds=16)
    skipped = seed % 3
    times = made.beats_s[skipped:]
    per_bar = round(float(np.diff(made.downbeats_s).mean() / np.diff(made.beats_s).mean()))
    features = phase_features(times, onset_curves(made.y, made.rate), Harmony.of(made.y, made.rate))
    right = np.array([float(choice == (per_bar, -skipped % per_bar)) for choice in features])
    return np.array(list(features.values())), right


def sure_example(job: tuple[str, int, int], soundfont: str) -> tuple[np.ndarray, bool] | None:
    """Measures of the beats that are found, and whether they are right; nothing where none are found."""
    y, truth, within_s = music(*job, soundfont)
    times = track_beats(y, RATE).times_s
    measures = beat_measures(y, RATE, times)
    if measures is None or not len(truth):
        return None if measures is None else (measures, False)
    hits = (np.abs(truth[:, None] - times[None, :]).min(axis=1) < within_s).sum()
    return measures, bool(2 * hits / (len(truth) + len(times)) >= 0.9)


def fit_sure(work: list[tuple[str, int, int]], soundfont: str, jobs: int) -> None:
    """Print SURE by logistic regression, and how often beats were right that were said to be so likely."""
    with ProcessPoolExecutor(jobs) as pool:
        made = [
            one for one in pool.map(partial(sure_example, soundfont=soundfont), work, chunksize=4) if one is not None
        ]
    measures, right = np.array([one[0] for one in made]), np.array([one[1] for one in made])
    spread = np.append(measures[:, :-1].std(axis=0) + 1e-6, 1.0)
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: np.ndarray) -> float:
        away = np.logaddexp(0, -sign * (measures / spread @ weights))
        return float(away.mean()) + 1e-3 * float((weights[:-1] ** 2).sum())

    weights = minimize(loss, np.zeros(measures.shape[1])).x / spread
    said = 1 / (1 + np.exp(-measures @ weights))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (said >= low) & (said < low + 0.2)
        if inside.any():
            print(f"said {said[inside].mean():.2f}: right {right[inside].mean():.2f} of {inside.sum()}")
    print([float(f"{weight:.3g}") for weight in weights], flush=True)


def fit(examples: list[Example], penalty: float) -> np.ndarray:
    """Conditional logistic regression on standardised measures: right choices of each example should score highest."""
    measures, fits = (np.concatenate(parts) for parts in zip(*examples, strict=True))
    sizes = [len(fits_of) for _, fits_of in examples]
    starts, example = np.cumsum([0, *sizes])[:-1], np.repeat(np.arange(len(sizes)), sizes)
    centre, spread = measures.mean(axis=0), measures.std(axis=0) + 1e-6
    scaled = np.clip((measures - centre) / spread, -6, 6)
    right = fits > np.maximum.reduceat(fits, starts)[example] - NEARLY

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = scaled @ weights
        chance = np.exp(scores - np.maximum.reduceat(scores, starts)[example])
        chance /= np.add.reduceat(chance, starts)[example]
        good = np.add.reduceat(np.where(right, chance, 0), starts) + 1e-9
        slope = scaled.T @ (chance - np.where(right, chance / good[example], 0)) / len(sizes)
        return penalty * float(weights @ weights) - float(np.log(good).mean()), slope + 2 * penalty * weights

    start = np.zeros(scaled.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 80}).x / spread


def fit_bars(work: list[int], jobs: int) -> None:
    """Print how often the bar is right on the quarter left out (four times), and the weights of all."""
    with ProcessPoolExecutor(jobs) as pool:
        examples = list(pool.map(phase_example, work, chunksize=4))
    right = []
    for part in range(4):
        weights = fit([one for k, one in enumerate(examples) if k % 4 != part], PENALTY)
        right += [fits[int(np.argmax(measures @ weights))] for measures, fits in examples[part::4]]
    print(f"bar phase: right {np.mean(right):.1%} of {len(right)}, each left out of its fit")
    print([float(f"{weight:.3g}") for weight in fit(examples, PENALTY)], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", type=int, default=300)
    parser.add_argument("--sure", action="store_true", help="fit the confidence")
    parser.add_argument("--soundfont", default=SOUNDFONT)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.sure:
        fit_sure([(kind, a + k, every) for kind, a, n, every in SPARE for k in range(n)], given.soundfont, given.jobs)
        return
    fit_bars(list(range(1000, 1000 + given.patterns)), given.jobs)


if __name__ == "__main__":
    main()
