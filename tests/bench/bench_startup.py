"""Start-up beside importing Typer alone, and throughput over a folder beside the loop a person would write."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from textwrap import indent

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, measure, publish, table

#: What a person would write with librosa's own defaults (22,050 Hz, mono), and the same work as a command line.
LOOPS = {
    "log-mel bands of 44.1 kHz stereo": (
        """
y, rate = librosa.load(path)
S = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=rate))
""",
        ["--rate", "22050", "--mono", "--kind", "mel", "--scale", "db"],
    ),
    "complex STFT at the file's own rate": (
        """
y, rate = librosa.load(path, sr=None, mono=False)
S = librosa.stft(y, n_fft=2048, hop_length=512)
""",
        [],
    ),
}
LOOP = """
import glob, os, numpy as np, librosa
os.makedirs("loop")
for path in sorted(glob.glob("songs/*.wav")):
{body}
    np.save("loop/" + os.path.basename(path)[:-4] + ".npy", S)
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
        sounds = [signals.plucks(rng, 6.0, 44_100) for _ in range(16)]
        for index in range(files):
            y = np.concatenate([sounds[index % 16], sounds[(index + 5) % 16]])
            audio.write(folder / f"songs/{index:04d}.wav", y, 44_100, subtype="PCM_16")
        publish("throughput", "\n\n".join(_throughput(folder, files, name) for name in LOOPS))


def _throughput(folder: Path, files: int, name: str, repeats: int = 2) -> str:
    """Compare one loop with the command; the best of a few turns each, taken in turns."""
    body, options = LOOPS[name]
    (folder / "loop.py").write_text(LOOP.format(body=indent(body.strip(), "    ")))
    spectro = [*PROGRAM, "spectro", "songs", "-o", "sets/", "-q", *options]
    lines = {
        "loop with librosa": ([sys.executable, "loop.py"], "loop"),
        f"`{' '.join(['audiokit spectro songs -o sets/', *options])}`": (spectro, "sets"),
        "the same with `--jobs 2`": ([*spectro, "--jobs", "2"], "sets"),
    }
    best = dict.fromkeys(lines, float("inf"))
    for _ in range(repeats):
        for label, (line, made) in lines.items():
            best[label] = min(best[label], measure(line, cwd=folder).seconds)
            shutil.rmtree(folder / made)
    loop = best["loop with librosa"]
    rows = [[label, files / seconds, loop / seconds] for label, seconds in best.items()]
    return table([f"{files} files of 6 s, {name}", "files per second", "x the loop"], rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
