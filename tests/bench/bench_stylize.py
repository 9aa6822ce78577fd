"""Compare style models with doing nothing and with plain filters, on pairs that no model has seen.

    python tests/bench/bench_stylize.py WORK [MODEL ...]

WORK is what `make OUT=WORK` in examples/train-style made; the shipped model is measured with both ways to apply a
change, other models (a CycleGAN of the same data, for instance) beside it. Writes tests/bench/results/stylize.md.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples/train-style"))

from measure import compare  # noqa: E402 - found by the line above

from audiokit.stylizing import DEFAULT_MODEL, StylizeOptions, make_stylizer  # noqa: E402

SETS = {
    "tunes": "4 old tunes, soundfont of the training",
    "pieces": "6 composed pieces, soundfont of the training",
    "tunes-other": "4 old tunes, another soundfont",
    "pieces-other": "6 composed pieces, another soundfont",
}


def sides(work, name):
    return work / name / "piano", work / name / "vibraphone"


def main():
    work, extra = Path(sys.argv[1]), sys.argv[2:]
    models = {f"{DEFAULT_MODEL}, --phase {p}": make_stylizer(StylizeOptions(phase=p))[0] for p in ("input", "retrieve")}
    models |= {Path(path).name: make_stylizer(StylizeOptions(path))[0] for path in extra}
    found = {
        label: compare(sides(work, n), sides(work, "train"), models) for n, label in SETS.items() if (work / n).exists()
    }
    lines = ["| method | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for method in next(iter(found.values())):
        cells = [f"{rows[method][0]:.1f} dB, {rows[method][1]:.2f}" for rows in found.values()]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    pace = [rows[name][2] for rows in found.values() for name in models]
    lines += [
        "",
        "Log-mel distance to the true rendering (less is better), and chroma correlation with the input. Matching"
        " envelopes and the fixed filter are the classical ways. Rendered with fluidsynth; pieces, tunes and the other"
        f" soundfont were not used in training. One thread, {np.median(pace):.2f} s per second of sound.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/stylize.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
