"""Style transfer without a model (`stylize --engine optimize`) beside doing nothing and mixing both sounds.

    python -m tests.bench.bench_restyle [CONTENT STYLE ...]

Style distance is that of the Gram matrices of features drawn with another seed than the optimisation used; 1 is as
far as silence is. Its floor is the distance between two halves of the style itself. Chroma cosine and onset F compare
with the content. Writes tests/bench/results/restyle.md.
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.bench.bench_stylize import chroma_cosine, onset_f
from tests.bench.measure import publish, table

SECONDS, RATE = 10, 22050
SHARED = Path(__file__).resolve().parents[3] / "shared" / "audio"
#: Content and style in turn: none of these pairs was looked at while the engine was made.
PAIRS = (
    "genre/webaudio-examples/audio-basics/outfoxing.mp3",
    "genre/sms-tools-materials/orchestra.wav",
    "genre/data/Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.hq.ogg",
    "stems/everythingisremixed/4.Potassium_1/mixture.flac",
    "genre/webaudio-examples/audio-basics/outfoxing.mp3",
)


def levelled(y: np.ndarray) -> np.ndarray:
    """Bring a sound to an RMS of 0.1."""
    return y * np.float32(0.1 / np.sqrt(np.mean(y**2)))


def main() -> None:
    """Print the table."""
    from audiokit.io.audio import read
    from audiokit.models.style.features import RandomFeatures
    from audiokit.models.style.optimizer import measure_style
    from audiokit.stages.stylize.stage import stylize

    given = [Path(name) for name in sys.argv[1:]] or [SHARED / name for name in PAIRS]
    missing = [str(path) for path in given if not path.exists()]
    if missing or len(given) < 2:
        sys.exit(f"give a content and a style; not here: {', '.join(missing)}")
    judge = RandomFeatures(seed=1234)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for content, style in pairwise(given):
        x, (y, _) = (read(content, rate=RATE, mono=True)[0][:, : SECONDS * RATE], read(style, rate=RATE, mono=True))
        y = y[:, : 20 * RATE]
        half = y.shape[1] // 2
        wanted = measure_style(y, judge)

        def apart(z: np.ndarray, wanted=wanted) -> float:
            found = measure_style(z, judge)
            return float(np.mean([float((f - w).norm() / w.norm()) for f, w in zip(found, wanted, strict=True)]))

        made = {"doing nothing": x, "half of each, mixed": levelled(x) + levelled(np.resize(y, x.shape))}
        spent = {}
        for weight in (1.0, 1.5, 2.0):
            name = f"--content {weight:g}" + (" (default)" if weight == 1.5 else "")
            start = time.process_time()
            made[name] = stylize(x, RATE, engine="optimize", style=str(style), content=weight)
            spent[name] = (time.process_time() - start) / (x.shape[1] / RATE)
        for name, z in made.items():
            values = (apart(z), chroma_cosine(z[0], x[0]), onset_f(z[0], x[0]), spent.get(name, np.nan))
            rows.setdefault(name, []).append(values)
        rows.setdefault("the other half of the style", []).append((apart(y[:, half:]), np.nan, np.nan, np.nan))
    lines = []
    for name, values in rows.items():
        mean = [np.mean(column) for column in zip(*values, strict=True)]
        lines.append((name, *("" if np.isnan(v) else f"{v:.2f}" for v in mean)))
    note = (
        f"{len(given) - 1} pairs of recordings, {SECONDS} s of content each; style distance as other features hear it."
    )
    text = table(("method", "style distance", "chroma cosine", "onset F", "s per s"), lines)
    publish("restyle", f"{note}\n\n{text}")


if __name__ == "__main__":
    main()
