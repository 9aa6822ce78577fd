"""How cost grows: processor time and peak memory of every command on longer and longer input.

    python -m tests.bench.bench_growth [--minutes 0.1667 1 10 60] [--only mix chunk] [--most 240]

A command leaves out the lengths after one whose time, scaled to the next, would pass `--most` seconds; the table says
"stopped" there. The slope is that of log time over log length between the two longest, start-up taken away: 1 is
linear. The whole takes about an hour; --only repeats single rows.
"""

from __future__ import annotations

import argparse
import math
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import PROGRAM, Measurement, apart, measure, publish, table
from tests.conftest import ROOT

#: What is run on a.wav and b.wav (44.1 kHz stereo), voice.wav (speech), a.chunks (a spectrogram of a.wav).
LINES = {
    "info --check": "info a.wav --check",
    "normalize": "normalize a.wav -o o.wav --force -q",
    "mix": "mix a.wav b.wav -o o.wav --force -q",
    "chunk": "chunk a.wav --every 6s -o o/ --force -q",
    "spectro": "spectro a.wav -o o.chunks --force -q",
    "invert": "invert a.chunks -o o.wav --force -q",
    "augment": "augment a.wav -o o.wav --force -q",
    "denoise --engine wiener": "denoise a.wav -o o.wav --engine wiener --force -q",
    "denoise": "denoise voice.wav -o o.wav --force -q",
    "split --engine hpss": "split a.wav -o o/ --engine hpss --force -q",
    "split --quality fast": "split a.wav -o o/ --quality fast --force -q",
    "stylize": "stylize a.wav -o o.wav --force -q",
    "align-beats": "align-beats a.wav --bpm 120 -o o.wav --force -q",
    "sing": "sing voice.wav --over a.wav -o o.wav --fit loop --force -q",
    "morph --engine transport": "morph a.wav b.wav --engine transport -o o.wav --force -q",
    "generate": "generate --pitch C3 --seconds SECONDS -o o.wav --force -q",
    "score": "score a.wav --ref b.wav -q",
    "page": "page folder -o o.html --force -q",
}


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1 / 6, 1.0, 10.0, 60.0])
    parser.add_argument("--only", nargs="+", choices=LINES, default=list(LINES))
    parser.add_argument("--most", type=float, default=240.0)
    options = parser.parse_args()
    found: dict[str, list[Measurement | str]] = {name: [] for name in options.only}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for minutes in options.minutes:
            apart("tests.bench.bench_growth", "make", folder, minutes)
            for command in options.only:
                found[command].append(_one(command, folder, minutes, found[command], options))
    lengths = [f"{minutes * 60:.0f} s" if minutes < 1 else f"{minutes:g} min" for minutes in options.minutes]
    header = ["command", *(f"{x}, s" for x in lengths), "slope", *(f"{x}, MB" for x in lengths), "MB per 10 min"]
    rows = [[f"`{command}`", *_cells(found[command], options.minutes)] for command in options.only]
    notes = [f"`{c}`: {last}" for c, results in found.items() for last in results[-1:] if isinstance(last, str)]
    told = (
        "Processor time and peak memory, start included. Slope: of log time over log length between the two longest, "
    )
    told += "without the start-up; 1 is linear."
    publish("growth", "\n\n".join([told, table(header, rows), *notes]))


def make(where: str, minutes: float) -> None:
    """Write the inputs of one length into a folder."""
    from tests.bench.bench_memory import write_long

    folder = Path(where)
    whole = max(1, math.ceil(minutes))
    write_long(folder / "whole.wav", whole)
    for name in "ab":
        _trim(folder / "whole.wav", folder / f"{name}.wav", minutes * 60)
    if not (folder / "made").exists():
        maker = ROOT / "examples/songs/make_songs.py"
        subprocess.run([sys.executable, maker, folder / "made", "--seconds", "60"], check=True, capture_output=True)
    _trim(folder / "made/pop/vocals.wav", folder / "voice.wav", minutes * 60)
    (folder / "folder").mkdir(exist_ok=True)
    (folder / "folder/a.wav").unlink(missing_ok=True)
    (folder / "folder/a.wav").hardlink_to(folder / "a.wav")
    measure([*PROGRAM, *shlex.split(LINES["spectro"].replace("o.chunks", "a.chunks"))], cwd=folder)


def _trim(source: Path, target: Path, seconds: float) -> None:
    """Write so many seconds of a sound, over and over where it is shorter."""
    import soundfile

    target.unlink(missing_ok=True)
    with soundfile.SoundFile(source) as sound:
        rate, left = sound.samplerate, round(seconds * sound.samplerate)
        with soundfile.SoundFile(target, "w", rate, sound.channels, "PCM_16") as out:
            while left:
                y = sound.read(min(left, 1 << 20), dtype="int16")
                if not len(y):
                    sound.seek(0)
                out.write(y)
                left -= len(y)


def _one(
    command: str, folder: Path, minutes: float, before: list[Measurement | str], options: argparse.Namespace
) -> Measurement | str:
    """Run a command on one length, or say why not."""
    if before and isinstance(before[-1], str):
        return before[-1]
    if before and isinstance(before[-1], Measurement):
        last = options.minutes[len(before) - 1]
        expected = before[-1].processor * minutes / last
        if expected > options.most:
            return f"stopped before {minutes:g} minutes, which would take about {expected:.0f} s"
    line = [*PROGRAM, *shlex.split(LINES[command].replace("SECONDS", f"{minutes * 60:g}"))]
    try:
        made = measure(line, cwd=folder)
    except RuntimeError as error:
        return f"failed at {minutes:g} minutes: {str(error).strip().splitlines()[-1]}"
    print(f"{command} {minutes:g} min {made.processor:.2f} s {made.peak_mb:.0f} MB", file=sys.stderr, flush=True)
    return made


def _cells(results: list[Measurement | str], minutes: list[float]) -> list[object]:
    """Seconds, slope, memory and its growth of one command."""
    done = [(m, r) for m, r in zip(minutes, results, strict=True) if isinstance(r, Measurement)]
    seconds: list[object] = [r.processor if isinstance(r, Measurement) else "-" for r in results]
    memory: list[object] = [f"{r.peak_mb:.0f}" if isinstance(r, Measurement) else "-" for r in results]
    if len(done) < 3:
        return [*seconds, "-", *memory, "-"]
    # Start-up, as a line through the two shortest says it, is no part of growth.
    (m0, first), (m1, second) = done[:2]
    start = max(0.0, first.processor - (second.processor - first.processor) * m0 / (m1 - m0))
    (m2, before), (m3, last) = done[-2:]
    slope = math.log((last.processor - start) / max(1e-6, before.processor - start)) / math.log(m3 / m2)
    return [*seconds, slope, *memory, f"{10 * (last.peak_mb - before.peak_mb) / (m3 - m2):.0f}"]


if __name__ == "__main__":
    main()
