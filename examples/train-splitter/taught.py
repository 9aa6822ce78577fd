"""Songs whose stems another separator found, for `train splitter` to learn from: a small network from a large one.

    audiokit models pull spleeter-2stems-16kHz
    python taught.py OUT MODEL COUNT vocals=FOLDER ... accompaniment=FOLDER ... [song=FOLDER ...]

COUNT mixes of 24 s are drawn from loose recordings, as the training draws them; recordings of songs are taken as they
are, all of them, besides. Of each the model tells the voice, and what it leaves is the accompaniment: a folder of two
stems, which sum to the mix. A large network that has heard many songs answers in a way of its own, on any sound; one
that learns these answers, on as many sounds as can be made, comes nearer to it on songs that neither knows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from audiokit.io.audio import read, write
from audiokit.stages.split import split
from audiokit.training.sound.stem_mixes import StemMixer, find_audio, read_part

RATE, SECONDS = 44_100, 24.0


def taught(folder: Path, mix: np.ndarray, model: str) -> None:
    """Write what the model finds in a mix (2, T), once."""
    if (folder / "vocals.flac").exists():
        return
    mix = mix.astype(np.float32) * np.float32(0.9 / max(np.abs(mix).max(), 1e-3))
    voice = np.clip(split(mix, RATE, model=model)["vocals"], -1, 1)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "accompaniment.flac", np.clip(mix - voice, -1, 1), RATE, subtype="PCM_16", force=True)
    write(folder / "vocals.flac", voice, RATE, subtype="PCM_16", force=True)


def main() -> None:
    """Do what the command line says."""
    out, model, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    given: dict[str, list] = {"vocals": [], "accompaniment": [], "song": []}
    for word in sys.argv[4:]:
        kind, _, path = word.partition("=")
        given[kind].append(find_audio(path) if kind == "song" else [read_part(f, RATE) for f in find_audio(path)])
    for path in [path for paths in given.pop("song") for path in paths]:
        y, _ = read(path, rate=RATE)
        y = np.repeat(y, 2, axis=0) if len(y) == 1 else y[:2]
        size = int(SECONDS * RATE)
        for number, start in enumerate(range(0, max(1, y.shape[1] - size // 2), size)):
            taught(out / f"{path.stem}_{number:02d}", y[:, start : start + size], model)
    if not count:
        return
    # What faint voices are like is learnt from true stems: this separator misses them too.
    shares = {"empty": 0.08, "faint": 0.0, "in_key": 0.6}
    mixer = StemMixer(["vocals", "accompaniment"], (), given, rate=RATE, seconds=SECONDS, **shares)
    for number in range(count):
        stems, _ = mixer.example(np.random.default_rng([23, number]))
        taught(out / f"mix_{number:04d}", stems.sum(axis=0), model)


if __name__ == "__main__":
    main()
