"""Cut the excerpts with true stems that `bench_split` measures on, out of repositories that show them.

    python -m tests.bench.excerpts CLONES OUT

CLONES holds a clone of each repository of excerpts.tsv, bare or not, as OWNER+NAME; what is missing is told and left
out. OUT gets OUT/SET/EXCERPT/vocals.flac and accompaniment.flac, and drums.flac where they are a file of their own; the
peak of their sum is 0.9. The audio is other people's and mostly states no licence, or is of MUSDB18, which may be
measured on: it is cut anew wherever it is needed, nothing of it is kept here, and nothing learns from it. What was
chosen was chosen on the set "development"; "acts" and "others" are only measured on.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io.audio import write

RATE = 44_100
TABLE = Path(__file__).with_name("excerpts.tsv")
PEAK = 0.9


def stem(clone: Path, commit: str, paths: list[str], start: float, seconds: float) -> np.ndarray:
    """Sum some seconds of files of a commit (2, T); "FILE#2" is a file's stream of that number."""
    first, count = round(start * RATE), round(seconds * RATE)
    total = np.zeros((2, count))
    for path in paths:
        file, _, stream = path.partition("#")
        blob = subprocess.run(
            ["git", "-C", str(clone), "cat-file", "blob", f"{commit}:{file}"], check=True, capture_output=True
        )
        with tempfile.NamedTemporaryFile(suffix=Path(file).suffix) as local:  # a pipe would do for few formats
            local.write(blob.stdout)
            local.flush()
            command = ["ffmpeg", "-v", "error", "-i", local.name, "-map", f"0:{stream or 'a:0'}"]
            as_numbers = ["-f", "f32le", "-ac", "2", "-ar", str(RATE), "-"]
            done = subprocess.run([*command, *as_numbers], check=True, capture_output=True)
        y = np.frombuffer(done.stdout, np.float32).reshape(-1, 2).T[:, first : first + count]
        total[:, : y.shape[1]] += y
    return total


def main() -> None:
    """Do what the command line says."""
    clones, out = Path(sys.argv[1]), Path(sys.argv[2])
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        clone = clones / row["repository"].replace("/", "+")
        if not clone.is_dir():
            print(f"{row['set']}/{row['excerpt']}: no {clone}", flush=True)
            continue
        parts = {"vocals": row["vocals"].split("|"), "drums": [], "accompaniment": []}
        for name in row["others"].split("|"):
            parts["drums" if Path(name).stem.lower().endswith("drums") else "accompaniment"].append(name)
        stems = {
            part: stem(
                clone,
                row["commit"],
                [f"{row['folder']}/{name}".lstrip("/") for name in names],
                float(row["start"]),
                float(row["seconds"]),
            )
            for part, names in parts.items()
            if names
        }
        scale = PEAK / np.abs(sum(stems.values())).max()
        for part, y in stems.items():
            path = out / row["set"] / row["excerpt"] / f"{part}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, (scale * y).astype(np.float32), RATE, subtype="PCM_24", force=True)
        print(f"{row['set']}/{row['excerpt']}", flush=True)


if __name__ == "__main__":
    main()
