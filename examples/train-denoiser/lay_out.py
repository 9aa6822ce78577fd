"""Lay out what a denoiser learns from: a folder per speaker, a folder per kind of noise, 16 kHz, mono.

    python lay_out.py speech OUT SPEAKER=FILE...     OUT/SPEAKER/*.flac; files of one speaker share a folder
    python lay_out.py noise OUT CLEAN NOISY          OUT/*.flac: what was added to recordings that exist twice

Folders are drawn evenly, so one who speaks for two minutes weighs no more than one who speaks for ten seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from audiokit import read, write

RATE = 16_000


def keep(path: Path, y: np.ndarray) -> None:
    """Write audio (1, T) as FLAC, turned down where it would clip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, y / max(1.0, float(np.abs(y).max())), RATE, subtype="PCM_16", force=True)


def main() -> None:
    """Do what the command line says."""
    kind, out, given = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if kind == "speech":
        for speaker, file in (item.split("=", 1) for item in given):
            keep(out / speaker / f"{Path(file).stem}.flac", read(file, rate=RATE, mono=True)[0])
        return
    clean_folder, noisy_folder = map(Path, given)
    for path in sorted(noisy_folder.iterdir()):
        clean = read(clean_folder / path.name, rate=RATE, mono=True)[0]
        noisy = read(path, rate=RATE, mono=True)[0]
        length = min(clean.shape[1], noisy.shape[1])
        keep(out / f"{path.stem}.flac", noisy[:, :length] - clean[:, :length])


if __name__ == "__main__":
    main()
