"""Start-up beside importing Typer alone, and throughput over a folder beside the loop a person would write."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, measure, publish, table

LOOP = """
import sys, glob, os, numpy as np, librosa
os.makedirs("loop", exist_ok=True)
for path in sorted(glob.glob("songs/*.wav")):
    y, rate = librosa.load(path, sr=None, mono=False)
    np.save("loop/" + os.path.basename(path)[:-4] + ".npy", librosa.stft(y, n_fft=2048, hop_length=512))
"""


def main(files: int = 500) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = measure([sys.executable, "-c", "import typer"], cwd=folder, repeats=10).seconds
        rows = [["`python -c 'import typer'`", 1000 * base, 1.0]]
        for line in (["--help"], ["spectro", "--help"], ["info", "--help"]):
            seconds = measure([*PROGRAM, *line], cwd=folder, repeats=10).seconds
            rows.append([f"`audiokit {' '.join(line)}`", 1000 * seconds, seconds / base])
        publish("startup", table(["command", "ms", "x import typer"], rows))

        rng = np.random.default_rng(0)
        for index in range(files):
            y = signals.plucks(rng, 6.0, 22_050)
            audio.write(folder / f"songs/{index:04d}.wav", y, 22_050, subtype="PCM_16")
        (folder / "loop.py").write_text(LOOP)
        loop = measure([sys.executable, "loop.py"], cwd=folder).seconds
        one = measure([*PROGRAM, "spectro", "songs", "-o", "one/", "-q"], cwd=folder).seconds
        two = measure([*PROGRAM, "spectro", "songs", "-o", "two/", "-q", "--jobs", "2"], cwd=folder).seconds
        rows = [
            ["loop with librosa.load, librosa.stft, np.save", files / loop, 1.0],
            ["`audiokit spectro songs -o sets/`", files / one, loop / one],
            ["`audiokit spectro songs -o sets/ --jobs 2`", files / two, loop / two],
        ]
        publish("throughput", table([f"{files} files of 6 s", "files per second", "x the loop"], rows))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
