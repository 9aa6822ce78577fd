"""What a velocity does to generated notes besides loudness, beside recordings with several layers.

    python -m tests.bench.bench_velocity [--model NAME] [--layers FOLDER ...]

Six sounds of each family at four keys and six velocities. The centroid of the first half second (power-weighted, so it
does not depend on the level) is ranked against the velocity, and its move given in octaves per 90 of velocity; the
start is the time from a tenth to nine tenths of the loudest. FOLDERs hold recorded layers as
examples/notes-from-soundfont/velocity.py reads them: what they say of each family, and what the other instruments
alone would have said of each instrument.
"""

from __future__ import annotations

import argparse
import runpy
from pathlib import Path

import numpy as np

from audiokit.models.notes.making import NoteSettings, make_note
from audiokit.models.notes.notes import Wish, load
from tests.bench.measure import RESULTS, table

RATE = 16000
KEYS, VELOCITIES = (48, 56, 64, 72), (20, 40, 60, 80, 100, 120)
SETTINGS = NoteSettings(seconds=1.5, rate=RATE)
RECIPE = Path(__file__).parents[2] / "examples" / "notes-from-soundfont" / "velocity.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="notes")
    parser.add_argument("--layers", nargs="*", default=[])
    options = parser.parse_args()
    model = load(options.model)
    recorded, left_out = recordings(options.layers) if options.layers else ({}, "")
    rows = []
    for family in sorted({one["family"] for one in model.instruments}):
        measured = np.array([measures(model, family, seed) for seed in range(6)])
        octaves = float(np.median(measured[:, :, 0]))
        told = recorded.get(family)
        rows.append([
            family, float(np.median(measured[:, :, 1])), octaves, "" if told is None else told,
            "" if told is None else octaves / told, float(np.median(measured[:, :, 2])),
            float(np.median(measured[:, :, 3])), float(np.median(measured[:, :, 4])), float(measured[:, :, 5].max()),
        ])  # fmt: skip
    head = ["family", "Spearman", "octaves", "recorded", "generated / recorded", "level, dB from 30 to 120",
            "start at 30, ms", "start at 120, ms", "largest first sample"]  # fmt: skip
    parts = [__doc__.splitlines()[0], table(head, rows)]
    if left_out:
        parts += ["Whole instruments left out, and what the others say of them (octaves per 90 of velocity):", left_out]
    text = "\n\n".join(parts)
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


def recordings(folders: list[str]) -> tuple[dict[str, float], str]:
    """What layers say of families, and a table of what other instruments say of each."""
    recipe = runpy.run_path(str(RECIPE))
    keys = recipe["by_key"](recipe["layered"](folders, ""))
    own, _ = recipe["sums_of"](keys)
    rows = []
    for name in sorted({instrument for _, instrument, _ in keys}):
        family = next(f for f, instrument, _ in keys if instrument == name)
        rest, near = recipe["sums_of"]({k: v for k, v in keys.items() if k[1] != name})
        said = recipe["leaned"](family, rest, near)
        truth = float(np.median(own[family].slopes[name]))
        by = "its family and all others" if rest[family].slopes else "families excited alike"
        rows.append([name, family, len(own[family].slopes[name]), truth, said, by, said / truth])
    text = table(["instrument", "family", "keys", "recorded", "said", "by", "said / recorded"], rows)
    return {family: sums.octaves() for family, sums in own.items() if sums.slopes}, text


if __name__ == "__main__":
    main()
