"""How cost grows: processor time and peak memory of every command on longer and longer input.

    python -m tests.bench.bench_growth [--minutes 0.1667 1 10 60] [--only mix chunk] [--most 240]

A command leaves out the lengths after one whose time, scaled to the next, would pass `--most` seconds; the table says
"stopped" there. The slope is that of log time over log length between the two longest, start-up taken away: 1 is
linear. The whole takes about half an hour and 15 GB of disk; a row is kept as soon as it is measured, so that a run
that was stopped goes on where it was, and --only repeats single rows.
"""

from __future__ import annotations

import argparse
import math
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import PROGRAM, Rows, apart, measure, publish, table
from tests.conftest import ROOT

#: What is run on a.wav and b.wav (44.1 kHz stereo), voice.wav (speech), a.chunks, m.chunks (its spectrum, mel bands).
LINES = {
    "info --check": "info a.wav --check",
    "normalize": "normalize a.wav -o o.wav --force -q",
    "mix": "mix a.wav b.wav -o o.wav --force -q",
    "chunk": "chunk a.wav --every 6s -o o/ --force -q",
    "spectro": "spectro a.wav -o o.chunks --force -q",
    "spectro (one array)": "spectro a.wav -o o.npy --force -q",
    "invert": "invert a.chunks -o o.wav --force -q",
    "invert (mel bands)": "invert m.chunks -o o.wav --force -q",
    "run": 'run "normalize | spectro | invert" a.wav -o o.wav --force -q',
    "augment": "augment a.wav -o o.wav --force -q",
    "denoise --engine wiener": "denoise a.wav -o o.wav --engine wiener --force -q",
    "denoise": "denoise voice.wav -o o.wav --engine neural --force -q",
    "split --engine hpss": "split a.wav -o o/ --engine hpss --force -q",
    "split": "split a.wav -o o/ --force -q",
    "split --quality fast": "split a.wav -o o/ --quality fast --force -q",
    "stylize": "stylize a.wav -o o.wav --force -q",
    "stylize --engine groove": "stylize a.wav --engine groove --swing 66 -o o.wav --force -q",
    "align-beats": "align-beats a.wav --bpm 120 -o o.wav --force -q",
    "sing": "sing voice.wav --over a.wav -o o.wav --fit loop --force -q",
    "morph --engine transport": "morph a.wav b.wav --engine transport -o o.wav --force -q",
    "morph --engine fade --align": "morph a.wav a.wav --engine fade --align -o o.wav --force -q",
    "generate": "generate --pitch C3 --seconds SECONDS -o o.wav --force -q",
    "generate --distortion --reverb": "generate --pitch C3 --seconds SECONDS --distortion 0.5 --reverb 0.4 -o o.wav"
    " --force -q",
    "score": "score a.wav --ref b.wav -q",
    "page": "page folder -o o.html --force -q",
}


#: After a length that took less, the next is measured three times.
_SHORT_S = 0.5
#: A command whose memory grows is not led beyond this.
_MOST_MB = 12_000
#: What commands leave behind, gone before the next one.
MADE = ("o", "o.wav", "o.chunks", "o.npy", "o.json", "o.html")


def main() -> None:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1 / 6, 1.0, 10.0, 60.0])
    parser.add_argument("--only", nargs="+", choices=LINES, default=[])
    parser.add_argument("--most", type=float, default=240.0)
    options = parser.parse_args()
    rows = Rows("growth", anew=options.only)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for minutes in options.minutes:
            missing = [c for c in options.only or LINES if f"{minutes:g}" not in rows.of(c)]
            if missing:
                apart("tests.bench.bench_growth", "make", folder, minutes)
            for command in missing:
                rows.of(command)[f"{minutes:g}"] = _one(command, folder, minutes, rows.of(command), options.most)
                rows.save()
    publish("growth", written(rows, options.minutes))
    rows.save(finished=True)


def written(rows: Rows, minutes: list[float]) -> str:
    """The table of the rows that there are."""
    lengths = [f"{m * 60:.0f} s" if m < 1 else f"{m:g} min" for m in minutes]
    header = ["command", *(f"{x}, s" for x in lengths), "slope", *(f"{x}, MB" for x in lengths), "MB per 10 min"]
    found = {c: [rows.of(c).get(f"{m:g}", "not measured") for m in minutes] for c in LINES if rows.of(c)}
    lines = [[f"`{command}`", *_cells(results, minutes)] for command, results in found.items()]
    notes = [f"- `{command}`: {results[-1]}" for command, results in found.items() if isinstance(results[-1], str)]
    told = "Processor time and peak memory of the largest process, start included. Slope: of log time over log length "
    told += "between the two longest, without the start-up; 1 is linear."
    return "\n\n".join([told, table(header, lines), *(["\n".join(notes)] if notes else [])])


def make(where: str, minutes: float) -> None:
    """Write the inputs of one length into a folder."""
    from tests.bench.bench_memory import write_long

    folder = Path(where)
    whole = max(1, math.ceil(minutes))
    for seed, name in enumerate("ab"):
        write_long(folder / "whole.wav", whole, seed)
        _trim(folder / "whole.wav", folder / f"{name}.wav", minutes * 60)
    if not (folder / "made").exists():
        maker = ROOT / "examples/songs/make_songs.py"
        subprocess.run([sys.executable, maker, folder / "made", "--seconds", "60"], check=True, capture_output=True)
    _trim(folder / "made/pop/vocals.wav", folder / "voice.wav", minutes * 60)
    (folder / "folder").mkdir(exist_ok=True)
    (folder / "folder/a.wav").unlink(missing_ok=True)
    (folder / "folder/a.wav").hardlink_to(folder / "a.wav")
    for name, more in (("a", []), ("m", ["--preset", "melgan"])):
        measure([*PROGRAM, "spectro", "a.wav", "-o", f"{name}.chunks", "--force", "-q", *more], cwd=folder)


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
    command: str, folder: Path, minutes: float, before: dict[str, list[float] | str], most: float
) -> list[float] | str:
    """Processor seconds and MB of a command on one length, or why there are none."""
    for made in MADE:
        shutil.rmtree(folder / made, ignore_errors=True)
        (folder / made).unlink(missing_ok=True)
    shorter = [m for m in before if float(m) < minutes]
    last = before[shorter[-1]] if shorter else ""
    if shorter and isinstance(last, str):
        return last
    if shorter and (expected := last[0] * minutes / float(shorter[-1])) > most:
        return f"stopped before {minutes:g} minutes, which would take about {expected:.0f} s"
    if shorter and (expected := last[1] * minutes / float(shorter[-1])) > _MOST_MB > last[1]:
        grown = last[1] / before[shorter[-2]][1] if len(shorter) > 1 else 1.0
        if grown > 2:
            return f"stopped before {minutes:g} minutes, which might take {expected / 1000:.0f} GB"
    line = [*PROGRAM, *shlex.split(LINES[command].replace("SECONDS", f"{minutes * 60:g}"))]
    try:
        # What takes no longer than to start says little once: the slope is of what is left above the start.
        made = measure(line, cwd=folder, repeats=3 if not shorter or last[0] < _SHORT_S else 1)
    except RuntimeError as error:
        return f"failed at {minutes:g} minutes: {str(error).strip().splitlines()[-1].rpartition('audiokit: ')[2]}"
    print(f"{command} {minutes:g} min {made.processor:.2f} s {made.peak_mb:.0f} MB", file=sys.stderr, flush=True)
    return [round(made.processor, 3), round(made.peak_mb, 1)]


def _cells(results: list[list[float] | str], minutes: list[float]) -> list[object]:
    """Seconds, slope, memory and its growth of one command."""
    done = [(m, *r) for m, r in zip(minutes, results, strict=True) if not isinstance(r, str)]
    seconds: list[object] = ["-" if isinstance(r, str) else r[0] for r in results]
    memory: list[object] = ["-" if isinstance(r, str) else f"{r[1]:.0f}" for r in results]
    if len(done) < 3:
        return [*seconds, "-", *memory, "-"]
    # Start-up, as a line through the two shortest says it, is no part of growth.
    (m0, first, _), (m1, second, _) = done[:2]
    start = max(0.0, first - (second - first) * m0 / (m1 - m0))
    (m2, before, held), (m3, last, more) = done[-2:]
    slope = math.log(max(1e-3, last - start) / max(1e-3, before - start)) / math.log(m3 / m2)
    return [*seconds, slope, *memory, f"{10 * (more - held) / (m3 - m2):.0f}"]


if __name__ == "__main__":
    main()
