"""What a velocity does to generated notes besides loudness, beside recordings with several layers.

    python -m tests.bench.bench_velocity [--model NAME] [--layers FOLDER ...] [--judges FOLDER ...]

Six sounds of each family at four keys and six velocities. The centroid of the first half second (power-weighted, so it
does not depend on the level) is ranked against the velocity, and its move given in octaves per 90 of velocity; the
start is the time from a tenth to nine tenths of the loudest. FOLDERs hold recorded layers as
examples/notes-from-soundfont/velocity.py reads them: what they say of each family and how far its instruments differ,
what the other instruments alone would have said of each instrument, and of the judges, from which nothing was learnt.
"""

from __future__ import annotations

import argparse
import runpy
from copy import copy
from pathlib import Path

import numpy as np

from audiokit.models.notes.making import NoteSettings, make_note
from audiokit.models.notes.notes import Wish, load
from tests.bench.measure import RESULTS, table

RATE = 16000
KEYS, VELOCITIES = (48, 56, 64, 72), (20, 40, 60, 80, 100, 120)
SETTINGS = NoteSettings(seconds=1.5, rate=RATE)
#: What counts as near to a recorded change.
NEAR = 0.3
RECIPE = Path(__file__).parents[2] / "examples" / "notes-from-soundfont" / "velocity.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="notes")
    parser.add_argument("--layers", nargs="*", default=[])
    parser.add_argument("--judges", nargs="*", default=[])
    options = parser.parse_args()
    model = load(options.model)
    recorded, parts = recordings(options.layers, options.judges) if options.layers else ({}, [])
    rows = []
    for family in sorted({one["family"] for one in model.instruments}):
        measured = np.array([measures(model, family, seed) for seed in range(6)])
        octaves = float(np.median(measured[:, :, 0]))
        told = recorded.get(family, [])
        mean = float(np.mean(told)) if told else None
        alike = sum(abs(one / mean - 1) <= NEAR for one in told) if mean else 0
        rows.append([
            family, float(np.median(measured[:, :, 1])), octaves, *(
                [mean, octaves / mean, f"{min(told):.2f} to {max(told):.2f}", f"{alike} of {len(told)}"]
                if mean else ["-"] * 4
            ), float(np.median(measured[:, :, 2])),
            float(np.median(measured[:, :, 3])), float(np.median(measured[:, :, 4])), float(measured[:, :, 5].max()),
        ])  # fmt: skip
    head = ["family", "Spearman", "octaves", "recorded, mean", "generated / recorded", "recorded, least to most",
            "recorded within 30 % of their mean", "level, dB from 30 to 120", "start at 30, ms", "start at 120, ms",
            "largest first sample"]  # fmt: skip
    text = "\n\n".join([__doc__.splitlines()[0], table(head, rows), *parts])
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "velocity.md").write_text(text + "\n", encoding="utf-8")


def measures(model, family: str, seed: int) -> list[list[float]]:
    """For each key: octaves, Spearman, level, both starts, and the largest first sample relative to the peak."""
    from scipy.stats import spearmanr

    sound = model.draw(Wish(family), np.random.default_rng([21, seed]))
    out = []
    for key in KEYS:
        made = {v: make_note(model, sound, key, v, SETTINGS, key=seed)[0] for v in (*VELOCITIES, 30)}
        centroids = [centroid(made[v]) for v in VELOCITIES]
        slope = 90 * float(np.polyfit(VELOCITIES, centroids, 1)[0])
        level = 20 * np.log10(np.abs(made[120]).max() / np.abs(made[30]).max())
        first = max(abs(float(y[0])) / float(np.abs(y).max()) for y in made.values())
        rank = float(spearmanr(VELOCITIES, centroids).statistic)
        out.append([slope, rank, float(level), start_ms(made[30]), start_ms(made[120]), first])
    return out


def centroid(y: np.ndarray) -> float:
    """Of the first half second, in octaves."""
    power = np.abs(np.fft.rfft(y[: RATE // 2])) ** 2
    hz = np.fft.rfftfreq(len(y[: RATE // 2]), 1 / RATE)
    heard = hz > 20
    return float(np.log2((power * hz)[heard].sum() / power[heard].sum()))


def start_ms(y: np.ndarray) -> float:
    """Time from a tenth to nine tenths of the largest RMS of the first second (over 10 ms, once reached kept)."""
    width = RATE // 100
    total = np.cumsum(np.concatenate([np.zeros(width + 1), y[:RATE].astype(np.float64) ** 2]))
    envelope = np.maximum.accumulate(np.sqrt((total[width:] - total[:-width]) / width))
    low, high = (int(np.argmax(envelope >= share * envelope[-1])) for share in (0.1, 0.9))
    return 1000 * (high - low) / RATE


def recordings(folders: list[str], judges: list[str]) -> tuple[dict[str, list[float]], list[str]]:
    """Octaves of every recorded instrument by family, and what is said of those that were left out, in words."""
    recipe = runpy.run_path(str(RECIPE))
    keys = recipe["by_key"](recipe["layered"](folders, ""))
    own, near = recipe["sums_of"](keys)
    rows = []
    for name in sorted({instrument for _, instrument, _ in keys}):
        family = next(f for f, instrument, _ in keys if instrument == name)
        rows.append(said(recipe, name, family, own, (without(own, name), without(near, name))))
    parts = ["Whole instruments left out, and what the others say of them (octaves per 90 of velocity):", *told(rows)]
    if judges:
        theirs, _ = recipe["sums_of"](recipe["by_key"](recipe["layered"](judges, "")))
        named = sorted((name, family) for family, sums in theirs.items() for name in sums.slopes)
        rows = [said(recipe, name, family, theirs, (own, near)) for name, family in named]
        parts += ["Instruments from which nothing was learnt (another collection, one orchestra):", *told(rows)]
    octaves = {f: [float(np.median(s)) for s in sums.slopes.values()] for f, sums in own.items() if sums.slopes}
    return octaves, parts


def without(sums: dict, name: str) -> dict:
    """What all families' changes of the centroid are where an instrument was not heard."""
    out = {}
    for family, one in sums.items():
        out[family] = copy(one)
        out[family].slopes = {k: v for k, v in one.slopes.items() if k != name}
    return out


def said(recipe: dict, name: str, family: str, truth, rest) -> list:
    """One row: an instrument's own octaves, and what others (own, near) say of it."""
    octaves = recipe["leaned"](name, family, *rest)
    _, kind = recipe["kind_of"](name)
    alike = sum(kind == recipe["kind_of"](other)[1] for other in rest[0][family].slopes)
    known = float(np.median(truth[family].slopes[name]))
    return [name, f"{family}, {kind}", len(truth[family].slopes[name]), alike, known, octaves, octaves - known]


def told(rows: list[list]) -> list[str]:
    """The table of what is said, and how well that does beside the best that one number for all of a kind could do."""
    head = ["instrument", "kind", "keys", "others of its kind", "recorded", "said", "off by"]
    recorded, others = (np.array([row[k] for row in rows]) for k in (4, 5))
    kinds = sorted({row[1] for row in rows})
    near = np.abs(others - recorded) <= NEAR * np.abs(recorded)
    best = 0
    for kind in kinds:
        mine = np.array([row[4] for row in rows if row[1] == kind])
        best += max(int((np.abs(one - mine) <= NEAR * np.abs(mine)).sum()) for one in np.linspace(0, 2, 401))
    line = (
        f"{int(near.sum())} of {len(rows)} within {NEAR:.0%}, {np.abs(others - recorded).mean():.2f} octaves off on "
        f"average (the recorded spread by {recorded.std():.2f}). The best single number for each kind, chosen knowing "
        f"the answer, would be within {NEAR:.0%} for {best}; where nothing is done (0 octaves) the mean is "
        f"{np.abs(recorded).mean():.2f} off."
    )
    return [table(head, rows), line]


if __name__ == "__main__":
    main()
