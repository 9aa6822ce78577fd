"""Commands with their shipped networks in ONNX Runtime, beside the same commands with the networks in PyTorch.

    python -m tests.bench.bench_networks [--seconds 3 60] [--repeats 2] [--base FOLDER]

Processor time of whole commands, start included, on one thread; the fastest of the repeats counts. With --base, the
commands of another checkout, such as an older release, stand beside them instead. A last row denoises in PyTorch as
one would without audiokit: GTCRN's layers, the whole recording at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Measurement, measure, publish, table

#: Command line after `audiokit`, by name; SECONDS is the length of the clip.
COMMANDS = {
    "denoise": "denoise talk.wav -o o.wav --engine neural --force",
    "split": "split song.wav -o stems/ --force",
    "split --quality fast": "split song.wav -o stems/ --force --quality fast",
    "stylize": "stylize song.wav -o o.wav --force",
    "invert (80 mel bands)": "invert mel80.chunks -o o.wav --force",
    "invert (128 mel bands)": "invert mel128.chunks -o o.wav --force",
    "generate": "generate --pitch A4 --family string --seconds SECONDS -o o.wav --force",
    "sing --engine gan": "sing talk.wav --over song.wav --engine gan -o o.wav --force",
}
PEER = """
import sys
import soundfile, torch
from audiokit.models.folder.checkpoint import load
y, rate = soundfile.read(sys.argv[1], dtype="float32")
network, _ = load("denoiser")
window = torch.hann_window(512).sqrt()
with torch.inference_mode():
    spectrum = torch.stft(torch.from_numpy(y)[None], 512, 256, 512, window, return_complex=True)
    clean = torch.istft(network(spectrum)[0], 512, 256, 512, window, length=len(y))[0].numpy()
soundfile.write(sys.argv[2], clean, rate)
"""


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 60.0])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--base", type=Path, default=None)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    ways = {"ONNX Runtime": (None, "onnx"), "PyTorch": (None, "torch")}
    if options.base is not None:
        ways = {"ONNX Runtime": (None, "onnx"), f"{options.base.name} (PyTorch)": (options.base, "")}
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seconds in options.seconds:
            make_inputs(folder, seconds)
            for label, line in COMMANDS.items():
                command = [*PROGRAM, *shlex.split(line.replace("SECONDS", f"{seconds:g}"))]
                found = [timed(command, folder, *way, repeats=options.repeats) for way in ways.values()]
                rows.append([label, f"{seconds:g}", *cells(found)])
            peer = [sys.executable, "-c", PEER, folder / "talk.wav", folder / "o.wav"]
            found = [
                timed([*PROGRAM, *shlex.split(COMMANDS["denoise"])], folder, None, "onnx", repeats=options.repeats)
            ]
            found.append(timed(peer, folder, None, "torch", repeats=options.repeats))
            rows.append(["denoise, beside GTCRN in PyTorch", f"{seconds:g}", *cells(found)])
    names = list(ways)
    header = [
        "command",
        "clip, s",
        f"{names[0]}, s",
        "MB",
        *(f"{name}, {unit}" for name in names[1:] for unit in ("s", "MB")),
    ]
    note = "Processor time and peak memory of whole commands, start included, one thread; networks that audiokit ships."
    publish("networks", f"{note}\n\n{table([*header, 'times as fast'], rows_with_ratios(rows))}\n")


def make_inputs(folder: Path, seconds: float) -> None:
    """Write speech-like audio at 16 kHz, a stereo song at 44.1 kHz, and mel sets of it."""
    rng = np.random.default_rng(0)
    talk = signals.syllables(rng, seconds, 16_000)[:, : round(seconds * 16_000)]
    audio.write(folder / "talk.wav", talk + signals.noise(rng, seconds, 16_000, 0.02), 16_000, force=True)
    audio.write(folder / "song.wav", 0.3 * signals.plucks(rng, seconds, 44_100, 2), 44_100, force=True)
    for preset, target in (("melgan", "mel80.chunks"), ("cyclegan-music", "mel128.chunks")):
        measure([*PROGRAM, "spectro", "song.wav", "-o", target, "--preset", preset, "--force"], cwd=folder)


def timed(command: list, folder: Path, base: Path | None, runtime: str, *, repeats: int) -> Measurement:
    """Run a command of this checkout, or of another, with its networks in a runtime."""
    kept = {name: os.environ.get(name) for name in ("AUDIOKIT_RUNTIME", "PYTHONPATH")}
    os.environ["AUDIOKIT_RUNTIME"] = runtime
    if base is not None:
        os.environ["PYTHONPATH"] = str(base)
    try:
        return measure(command, cwd=folder, repeats=repeats)
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def cells(found: list[Measurement]) -> list[object]:
    """Processor seconds and MB of each."""
    return [value for one in found for value in (one.processor, round(one.peak_mb))]


def rows_with_ratios(rows: list[list]) -> list[list]:
    """Add how many times as fast the first way is as the other."""
    return [[*row, round(row[-2] / row[2], 2)] for row in rows]


if __name__ == "__main__":
    main()
