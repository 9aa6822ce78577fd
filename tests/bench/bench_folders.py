"""Folders of short files: audiokit beside the plain loops that one would write, in processor time and wall time.

    python -m tests.bench.bench_folders [--files 500] [--only log-mel "complex STFT" ...]

Each loop is one process over all files, start included, and so is audiokit with one job; `--jobs 2` comes last. What a
loop leaves out is said in its row. torch.stft stands for torchaudio, whose own transform calls it. A task is kept as
soon as it is measured: a run that was stopped goes on, and --only repeats single ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Measurement, Rows, measure, publish, table
from tests.conftest import ROOT

RATE, SECONDS = 44_100, 6.0
#: Steps that are there whoever does them.
_NEEDED = ("reading", "resampling", "FFT", "hashing", "writing")
#: No further run begins after so many seconds of processor time.
_LONG_S = 40.0
_HEAD = """
import glob, os, sys
import numpy as np, soundfile as sf
os.makedirs(sys.argv[1])
for path in sorted(glob.glob("files/*.wav")):
    name = os.path.join(sys.argv[1], os.path.basename(path)[:-4])
    y, rate = sf.read(path, dtype="float32", always_2d=True)
    y = y.T
"""
_TORCH_STFT = (
    "    S = torch.stft(torch.from_numpy(y), 2048, 512, window=window, pad_mode='constant', return_complex=True)"
    "\n    np.save(name, S.numpy())"
)
#: Task -> (our options, [(what a loop uses, its imports and set-up, its body)]).
TASKS: dict[str, tuple[list[str], list[tuple[str, str, str]]]] = {
    "log-mel": (
        ["spectro", "--rate", "22050", "--mono", "--kind", "mel", "--scale", "db"],
        [
            (
                "librosa",
                "import librosa",
                "    y = librosa.resample(y.mean(axis=0), orig_sr=rate, target_sr=22050)\n"
                "    np.save(name, librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22050)))",
            ),
        ],
    ),
    "complex STFT": (
        ["spectro"],
        [
            ("librosa", "import librosa", "    np.save(name, librosa.stft(y))"),
            (
                "torch.stft",
                "import torch; torch.set_num_threads(1); window = torch.hann_window(2048)",
                _TORCH_STFT,
            ),
        ],
    ),
    "normalize": (
        ["normalize"],
        [
            (
                "pyloudnorm, which lets peaks clip",
                "import pyloudnorm",
                "    loudness = pyloudnorm.Meter(rate).integrated_loudness(y.T)\n"
                "    sf.write(name + '.wav', pyloudnorm.normalize.loudness(y.T, loudness, -14.0), rate)",
            ),
        ],
    ),
    "denoise wiener": (
        ["denoise", "--engine", "wiener"],
        [
            (
                "noisereduce",
                "import noisereduce",
                "    sf.write(name + '.wav', noisereduce.reduce_noise(y=y, sr=rate).T, rate)",
            ),
        ],
    ),
}


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--only", nargs="+", choices=TASKS, default=[])
    parser.add_argument("--ours", action="store_true", help="measure audiokit's lines again, and leave the loops")
    chosen = parser.parse_args()
    rows = Rows("folders", anew=[] if chosen.ours else chosen.only, keep=chosen.ours)
    with tempfile.TemporaryDirectory() as name:
        cwd = Path(name)
        (cwd / "files").mkdir()
        for number in range(chosen.files):
            y = signals.plucks(np.random.default_rng(number), SECONDS, RATE, 2)
            audio.write(cwd / "files" / f"{number:04d}.wav", y, RATE, subtype="PCM_16")
        for task in chosen.only or TASKS:
            if chosen.ours:
                loops = [row for row in rows.of(task)["found"] if row[0].startswith("loop")]
                rows.of(task)["found"] = [*loops, *measured(cwd, task, ours=True)]
                rows.save()
            elif not rows.of(task):
                rows.of(task).update(found=measured(cwd, task), files=chosen.files, parts=parts_of(cwd, task))
                rows.save()
    said = "Start-up is included, which weighs more the fewer files there are, and more on the loops."
    if os.getloadavg()[1] > (os.cpu_count() or 1):
        said += " Other work filled the cores meanwhile: wall times, and so the gain by two jobs, say little."
    texts = [text for task in TASKS if rows.of(task) for text in written(task, **rows.of(task))]
    publish("folders", "\n\n".join([*texts, said]))
    rows.save(finished=True)


def measured(cwd: Path, task: str, *, ours: bool = False) -> list[list]:
    """One task: its loops, and audiokit with one job and with two: (what, processor s, wall s, MB)."""
    options, loops = TASKS[task]
    lines = {}
    for said, imports, body in [] if ours else loops:
        script = f"import warnings; warnings.simplefilter('ignore')\n{imports}{_HEAD}{body}\n"
        lines[f"loop over {said}"] = [sys.executable, "-c", script, "made"]
    command, *rest = options
    whole = [*PROGRAM, command, "files", "-o", "made/", *rest, "--quiet"]
    lines[f"`audiokit {' '.join([command, 'files', '-o', 'out/', *rest])}`"] = whole
    lines["with `--jobs 2`"] = [*whole, "--jobs", "2"]
    found = []
    for said, line in lines.items():
        m = _least(line, cwd)
        print(task, said, f"{m.processor:.1f} s, wall {m.seconds:.1f} s", file=sys.stderr, flush=True)
        found.append([said, m.processor, m.seconds, m.peak_mb])
    return found


def _least(line: list[str], cwd: Path) -> Measurement:
    """The least of four runs, fewer if they take long: a run may be the first to touch the memory that files need."""
    found: list[Measurement] = []
    while len(found) < 4 and sum(m.processor for m in found) < _LONG_S:
        found.append(measure(line, cwd=cwd))
        _emptied(cwd / "made", cwd / f"made-{len(list(cwd.iterdir()))}")
    return min(found, key=lambda m: m.processor)


def _emptied(folder: Path, away: Path) -> None:
    """Give the disk back without deleting files: a file system that has just freed many looks for new ones longer."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)
    folder.rename(away)


def parts_of(cwd: Path, task: str) -> dict[str, dict[str, float]]:
    """Where the time of a task goes, for those of `spectro`, and what the FFT takes elsewhere."""
    if TASKS[task][0][0] != "spectro":
        return {}
    mel, parts = task == "log-mel", {"without sound": _without_sound(cwd, TASKS[task][0])}
    for function in ("measured", "fft_elsewhere"):
        line = f"from tests.bench.folder_parts import {function} as f; f({str(cwd / 'files')!r}, {mel})"
        ran = subprocess.run([sys.executable, "-c", line], cwd=ROOT, check=True, capture_output=True, text=True)
        parts[function] = json.loads(ran.stdout)
    return parts


def _without_sound(cwd: Path, options: list[str]) -> dict[str, float]:
    """Milliseconds of processor time that a command takes before its first file, and for a file of one sample."""
    count = len(list((cwd / "files").iterdir()))
    for folder, files in (("one", 1), ("tiny", count)):
        (cwd / folder).mkdir(exist_ok=True)
        for number in range(files):
            audio.write(cwd / folder / f"{number:04d}.wav", np.ones((2, 1), np.float32), RATE, force=True)
    spent = {}
    for folder in ("one", "tiny"):
        line = [*PROGRAM, options[0], folder, "-o", "made/", *options[1:], "--quiet"]
        spent[folder] = 1000 * measure(line, cwd=cwd).processor
        _emptied(cwd / "made", cwd / f"made-{len(list(cwd.iterdir()))}")
    return {"start": spent["one"], "file": (spent["tiny"] - spent["one"]) / max(1, count - 1)}


def written(task: str, found: list[list], files: int, parts: dict[str, dict[str, float]]) -> list[str]:
    """The tables of a task."""
    loop, ours = found[0], next(row for row in found if row[0].startswith("`audiokit"))
    rows = [
        (
            said,
            f"{1000 * processor / files:.1f}",
            f"{loop[1] / processor:.1f}x",
            f"{1000 * seconds / files:.1f}",
            f"{ours[2] / seconds:.2f}x" if said.startswith("with") else "",
            f"{peak:.0f}",
        )
        for said, processor, seconds, peak in found
    ]
    header = (
        f"{files} files of {SECONDS:g} s, 44.1 kHz stereo: {task}",
        "processor ms a file",
        "less",
        "wall ms a file",
    )
    tables = [table((*header, "faster than one job", "peak MB"), rows)]
    if parts:
        steps, whole = dict(parts["measured"]), 1000 * ours[1] / files
        limit = steps.pop("reading its bytes alone")
        steps["start, of which each file bears a share"] = parts["without sound"]["start"] / files
        steps["opening, options, names, report, manifest: a file of one sample"] = parts["without sound"]["file"]
        steps["everything else: blocks handed on, memory, cache, fresh pages of files"] = whole - sum(steps.values())
        lines = [(step, f"{ms:.2f}", f"{100 * ms / whole:.0f}%") for step, ms in steps.items()]
        others = ", ".join(f"{ms:.2f} ms in {name}" for name, ms in parts["fft_elsewhere"].items())
        tables.append(table((f"{task}: where the time goes", "processor ms a file", "share"), lines))
        starts = parts["without sound"]["start"] / files
        bare = starts + sum(ms for step, ms in steps.items() if step.startswith(_NEEDED))
        said = f"Limits: the file's bytes are read in {limit:.2f} ms; the same FFT takes {others}. What no program that"
        said += f" hashes both ends is spared (start, reading, resampling, FFT, hashing, writing) takes {bare:.1f} ms."
        said += (
            f" Two jobs can be {whole / (2 * starts + (whole - starts) / 2):.2f}x as fast: their programs start first."
        )
        tables.append(said)
    return tables


if __name__ == "__main__":
    main()
