"""Fit the weights in audiokit/dsp/rhythm/metre.py and confidence.py on music drawn at random; say how well they do.

    python -m tests.bench.fit_beats [--patterns 300] [--arrangements 180] [--songs 800] [--jobs 2] [--sure]

Every figure is cross-validated: what is judged was left out of the fit. The penalty is stronger than cross-validation
alone would choose, because other material than that of the fit is tracked. Seeds from 1000 (patterns), 30000
(arrangements) and 40000 (songs) belong to the fit; the bench uses others, and no annotated recording is fitted to.
Prints WEIGHTS and PHASE_WEIGHTS, or with --sure, when those are in place, SURE: fitted on other seeds again and on
sound without a beat, because weights look surer of what they were fitted on. The WEIGHTS in place are those of this
fit plus those of an earlier one, of patterns and arrangements alone, for the first 61 measures, scaled to the length
that the fit had: how much of the earlier ones was chosen by songs of other seeds and by the annotated recordings, on
which the new ones alone are worse. Arrangements need fluidsynth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.optimize import minimize

from audiokit.dsp.rhythm.beats import beat_measures, level_paths, smooth, track_beats
from audiokit.dsp.rhythm.metre import FEATURES, Evidence, level_features, phase_features
from audiokit.dsp.rhythm.onsets import onset_curves
from audiokit.dsp.rhythm.tempo import HIGHEST_BPM, LOWEST_BPM, normalised_curve
from tests.arrangements import arrange, play
from tests.drums import random_pattern
from tests.full_songs import beatless, full_song

Example = tuple[np.ndarray, np.ndarray]  # measures of every choice (N, M), and how well each choice fits (N,)

RATE = 22_050
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
#: Choices that fit this much less than the best count as right too.
NEARLY = 0.05


def level_example(job: tuple[str, int], soundfont: str) -> Example:
    """Every path of one pattern or arrangement, and its F-measure."""
    kind, seed = job
    if kind == "pattern":
        drawn = random_pattern(seed, seconds=20)
        y, beats_s, within_s = drawn.y, drawn.beats_s, 0.045
    elif kind == "song":
        song = full_song(seed)
        y, beats_s, within_s = song.y, song.beats_s, 0.05
    else:  # instruments speak a little after the note
        made = arrange(seed)
        y, beats_s, within_s = play(made, soundfont, rate=RATE), made.beats_s, 0.07
    curves = onset_curves(y, RATE)
    curve = normalised_curve(smooth(curves.total), curves.frames_per_s)
    evidence, features, fits = Evidence.of(curves, curve), [], []
    for path, even in level_paths(curve, curves.frames_per_s, (LOWEST_BPM, HIGHEST_BPM)):
        hits = np.abs(beats_s[:, None] - curves.time(path)[None, :]).min(axis=1) < within_s
        features.append(level_features(evidence, path, even=even))
        fits.append(2 * hits.sum() / (len(beats_s) + len(path)))
    return np.array(features), np.array(fits)


def phase_example(job: tuple[str, int], soundfont: str) -> Example:
    """Every bar phase of one pattern, and 1 for the right one."""
    seed = job[1]
    made = random_pattern(seed, seconds=16)
    skipped = seed % 3
    times = made.beats_s[skipped:]
    per_bar = round(float(np.diff(made.downbeats_s).mean() / np.diff(made.beats_s).mean()))
    features = phase_features(made.y, made.rate, times, onset_curves(made.y, made.rate))
    right = np.array([float(choice == (per_bar, -skipped % per_bar)) for choice in features])
    return np.array(list(features.values())), right


def sure_example(job: tuple[str, int]) -> tuple[np.ndarray, bool] | None:
    """Measures of the beats that are found, and whether they are right; nothing where none are found."""
    kind, seed = job
    if kind == "beatless":
        y, truth = beatless(seed), np.zeros(0)
    else:
        made = full_song(seed) if kind == "song" else random_pattern(seed)
        y, truth = made.y, made.beats_s
    times = track_beats(y, RATE).times_s
    measures = beat_measures(y, RATE, times)
    if measures is None or not len(truth):
        return None if measures is None else (measures, False)
    hits = (np.abs(truth[:, None] - times[None, :]).min(axis=1) < 0.05).sum()
    return measures, bool(2 * hits / (len(truth) + len(times)) >= 0.9)


def fit_sure(work: list[tuple[str, int]], jobs: int) -> None:
    """Print SURE by logistic regression, and how often beats were right that were said to be so likely."""
    with ProcessPoolExecutor(jobs) as pool:
        made = [one for one in pool.map(sure_example, work, chunksize=4) if one is not None]
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


def report(
    name: str, make: Callable[..., Example], work: list[tuple[str, int]], soundfont: str, jobs: int, penalty: float
) -> None:
    """Print how well the choice does on the quarter left out (four times), per kind, and the weights of all."""
    with ProcessPoolExecutor(jobs) as pool:
        examples = list(pool.map(partial(make, soundfont=soundfont), work, chunksize=4))
    both = list(zip(work, examples, strict=True))
    chosen: dict[str, list[tuple[float, float]]] = {}
    for part in range(4):
        weights = fit(_balanced([(w, e) for k, (w, e) in enumerate(both) if k % 4 != part]), penalty)
        for (kind, _), (measures, fits) in zip(work[part::4], examples[part::4], strict=True):
            chosen.setdefault(kind, []).append((fits[int(np.argmax(measures @ weights))], fits.max()))
    for kind, values in chosen.items():
        got, best = np.mean(values, axis=0)
        print(f"{name}: mean fit {got:.3f} of at most {best:.3f} on {len(values)} of {kind}, each left out of its fit")
    print([float(f"{weight:.3g}") for weight in fit(_balanced(both), penalty)], flush=True)


def _balanced(both: list[tuple[tuple[str, int], Example]]) -> list[Example]:
    """Songs once, everything else twice: there are more songs, and other music is less alike."""
    return [example for (kind, _), example in both for _ in range(1 if kind == "song" else 2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", type=int, default=300)
    parser.add_argument("--arrangements", type=int, default=180)
    parser.add_argument("--songs", type=int, default=800)
    parser.add_argument("--sure", action="store_true", help="fit the confidence")
    parser.add_argument("--soundfont", default=SOUNDFONT)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.sure:
        spare = [("pattern", 1300 + k) for k in range(200)] + [("song", 41_400 + k) for k in range(80)]
        spare += [("song", 70_000 + k) for k in range(60)]
        fit_sure(spare + [("beatless", 45_000 + k) for k in range(60)], given.jobs)
        return
    patterns = [("pattern", 1000 + k) for k in range(given.patterns)]
    arrangements = [("arrangement", 30_000 + k) for k in range(given.arrangements)]
    run = partial(report, soundfont=given.soundfont, jobs=given.jobs)
    songs = [("song", 40_000 + 1000 * (k // 400) + k % 400) for k in range(given.songs)]
    run(f"level ({len(FEATURES)} measures)", level_example, patterns + arrangements + songs, penalty=6e-3)
    run("bar phase", phase_example, patterns, penalty=1e-3)


if __name__ == "__main__":
    main()
