"""Start-up and tiny runs beside importing Typer, and throughput over a folder beside the loop a person would write."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import indent

import numpy as np

from audiokit.engine.table import COMMANDS
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


#: Runs on one second of audio; `sing` wants a voice, and `train` is no matter of seconds.
RUNS = {
    "info": "info a.wav",
    "normalize": "normalize a.wav -o n.wav --force",
    "mix": "mix a.wav b.wav -o m.wav --force",
    "chunk": "chunk a.wav --every 0.25s -o pieces/ --force",
    "spectro": "spectro a.wav -o a.chunks --force",
    "invert": "invert a.chunks -o i.wav --force",
    "run": "run spectro|invert a.wav -o r.wav --force",
    "score": "score a.wav --ref b.wav",
    "models": "models list",
    "page": "page pieces -o page.html --force",
    "morph": "morph a.wav b.wav -o w.wav --force",
    "denoise (wiener)": "denoise a.wav -o d.wav --force --engine wiener",
    "split (hpss)": "split a.wav -o stems/ --force --engine hpss",
    "align-beats": "align-beats a.wav --to b.wav -o t.wav --force",
    "augment": "augment a.wav -o copies/ --force",
    "denoise": "denoise a.wav -o d.wav --force",
    "split": "split a.wav -o stems/ --force",
    "stylize": "stylize a.wav -o s.wav --force",
    "generate": "generate --pitch C4 -o g.wav --force",
    "spectro --preset melgan": "spectro a.wav -o m.chunks --preset melgan --force",
    "invert (mel bands)": "invert m.chunks -o i.wav --force",
}
HEAVY = ["numpy", "soundfile", "soxr", "scipy.signal", "scipy.ndimage", "numba", "librosa", "audiomentations"]
HEAVY += ["onnxruntime", "torch"]
#: Runs one command and names those of the modules after it that it has imported.
IMPORTED = """
import sys
from audiokit.cli import run
run(sys.argv[2:])
print("imported:", *(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


def main(files: int = 500) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        for letter in "ab":
            audio.write(folder / f"{letter}.wav", signals.plucks(rng, 1.0, 44_100), 44_100, subtype="PCM_16")
        publish("startup", f"{_helps(folder)}\n\n{_runs(folder)}")
        if not files:
            return

        sounds = [signals.plucks(rng, 6.0, 44_100) for _ in range(16)]
        for index in range(files):
            y = np.concatenate([sounds[index % 16], sounds[(index + 5) % 16]])
            audio.write(folder / f"songs/{index:04d}.wav", y, 44_100, subtype="PCM_16")
        publish("throughput", "\n\n".join(_throughput(folder, files, name) for name in LOOPS))


def _least(lines: dict[str, list[str]], folder: Path, repeats: int) -> dict[str, float]:
    """Least processor time of each command in ms, taken in turns so that a busy machine troubles all alike."""
    least = dict.fromkeys(lines, float("inf"))
    for _ in range(repeats):
        for label, line in lines.items():
            least[label] = min(least[label], 1000 * measure(line, cwd=folder).processor)
    return least


def _helps(folder: Path, repeats: int = 9) -> str:
    """Help of every command beside importing Typer alone."""
    base = "`python -c 'import typer'`"
    lines = {base: [sys.executable, "-c", "import typer"], "`audiokit --help`": [*PROGRAM, "--help"]}
    lines |= {f"`audiokit {command} --help`": [*PROGRAM, command, "--help"] for command in COMMANDS}
    least = _least(lines, folder, repeats)
    rows = [[label, ms, ms / least[base]] for label, ms in least.items()]
    return table(["help", "ms of processor time", "x import typer"], rows)


def _runs(folder: Path, repeats: int = 2) -> str:
    """Every command from start to end on a second of audio, and the heavy modules that it imports for it."""
    base = "`python -c 'import typer'`"
    lines = {base: [sys.executable, "-c", "import typer"]}
    lines |= {command: [*PROGRAM, *line.split()] for command, line in RUNS.items()}
    least = _least(lines, folder, repeats)
    rows: list[list[object]] = [[base, least[base], 1.0, ""]]
    for command, line in RUNS.items():
        seen = [sys.executable, "-c", IMPORTED, ",".join(HEAVY), *line.split()]
        said = subprocess.run(seen, cwd=folder, capture_output=True, text=True, check=True).stderr
        rows.append([command, least[command], least[command] / least[base], said.partition("imported: ")[2].strip()])
    return table(["on a second of audio", "ms of processor time", "x import typer", "imports"], rows)


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
