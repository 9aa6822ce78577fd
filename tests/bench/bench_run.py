"""Chains in one process beside the same chains as a shell's pipe, and beside a loop that someone would write.

    python -m tests.bench.bench_run [--clips 200] [--piped 10] [--minutes 3] [--hours 3] [--base FOLDER]
                                     [--only speed|memory]

Clips of 6 s go through `spectro | stylize | invert | normalize`: once in one `audiokit run` over their folder, and as
four processes for each of the first `--piped` of them, as a shell's loop does it; what those take is counted per clip.
A song goes both ways too. Then the clips become mel spectrograms at one loudness, beside a loop over librosa and
pyloudnorm in one process. At last a chain is run on a song and on hours of it, and with more and more stages. The pipe
can be that of another checkout (`--base`), such as an older release.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Measurement, measure, publish, table

RATE = 22_050
CLIP_S = 6.0
STYLED = ("spectro", "stylize", "invert", "normalize")
MEL = ("normalize", "spectro --kind mel")
#: Nothing of the first looks at a whole song at once; normalize notes its levels and peaks along time.
STREAMED = (("spectro", "invert"), ("normalize --to -20", "spectro", "invert"))
#: A stage more each, audio or chunks.
LONGER = ("normalize --to -20", "spectro", "invert", "denoise --engine wiener", "normalize --to -23", "spectro",
          "invert", "normalize --to -16")  # fmt: skip
LOOP = """
import glob, os, sys
import librosa, numpy, pyloudnorm, soundfile
os.makedirs(sys.argv[2])
for path in sorted(glob.glob(sys.argv[1] + "/*.wav")):
    y, rate = soundfile.read(path)
    loudness = pyloudnorm.Meter(rate).integrated_loudness(y)
    if sys.argv[3:]:
        peak = numpy.abs(librosa.resample(y, orig_sr=rate, target_sr=4 * rate)).max()
        loudness = max(loudness, 20 * numpy.log10(peak) + 1.0 - 14.0)  # the gain that leaves true peaks at -1 dB
    y = pyloudnorm.normalize.loudness(y, loudness, -14.0)
    mel = librosa.feature.melspectrogram(y=y.astype("float32"), sr=rate, n_fft=2048, hop_length=512, n_mels=128)
    numpy.save(os.path.join(sys.argv[2], os.path.basename(path)[:-4] + ".npy"), mel)
"""


def main() -> None:
    """Measure, print and keep the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--piped", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--base", default="", help="another checkout, whose pipe is measured")
    parser.add_argument("--only", choices=["speed", "memory"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cwd = Path(name)
        if chosen.only != "memory":
            paths = write_clips(cwd / "clips", chosen.clips)
            song = write_song(cwd / "song.wav", chosen.minutes, channels=1)
            texts = [
                clips(cwd, paths[: chosen.piped], len(paths), chosen.base),
                one_song(cwd, song, chosen.minutes, chosen.base),
                mels(cwd, len(paths)),
            ]
            publish("run", "\n\n".join(texts))
        if chosen.only != "speed":
            publish("run-memory", memory(cwd, chosen.minutes, chosen.hours))


def write_clips(folder: Path, count: int) -> list[Path]:
    """Write plucked notes, each clip of its own seed."""
    folder.mkdir()
    paths = [folder / f"{number:04d}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        audio.write(path, signals.plucks(np.random.default_rng(number), CLIP_S, RATE, 1), RATE)
    return paths


def write_song(path: Path, minutes: float, *, channels: int, rate: int = RATE) -> Path:
    """Write a minute of plucked notes over and over."""
    minute = signals.plucks(np.random.default_rng(5), 60.0, rate, channels)
    with audio.Writer(path, rate, channels, subtype="PCM_16", clip="allow") as writer:
        for _ in range(max(1, round(minutes))):
            writer.write(minute)
    return path


def pipe(stages: Sequence[str], source: str, out: str, base: str) -> str:
    """The line of a shell's pipe: a process per stage."""
    program = shlex.join(["env", f"PYTHONPATH={base or os.environ.get('PYTHONPATH', '')}", *PROGRAM])
    first, *middle, last = stages
    within = [f"{program} {stage} - -o - --quiet" for stage in middle]
    return " | ".join([f"{program} {first} {source} -o - --quiet", *within, f"{program} {last} - -o {out} --quiet"])


def run(cwd: Path, stages: Sequence[str], source: str, out: str, *options: str) -> Measurement:
    """The same in one process."""
    return measure([*PROGRAM, "run", " | ".join(stages), source, "-o", out, "--quiet", *options], cwd=cwd)


def clips(cwd: Path, piped: list[Path], count: int, base: str) -> str:
    """A folder of clips, beside the pipe for some of them."""
    lines = [pipe(STYLED, f"clips/{path.name}", f"piped/{path.name}", base) for path in piped]
    shell = measure(["bash", "-c", "set -eo pipefail; mkdir piped; " + "; ".join(lines)], cwd=cwd)
    one = run(cwd, STYLED, "clips", "one/")
    two = run(cwd, STYLED, "clips", "two/", "--jobs", "2")
    assert all((cwd / "one" / f"{k:04d}.wav").read_bytes() == (cwd / "two" / f"{k:04d}.wav").read_bytes()
               for k in range(count))  # fmt: skip
    off = max(
        float(np.abs(audio.read(cwd / "one" / path.name)[0] - audio.read(cwd / "piped" / path.name)[0]).max())
        for path in piped
    )
    found = [(f"pipe of four processes, {len(piped)} clips", shell, len(piped)),
             (f"`audiokit run`, {count} clips", one, count), ("the same with `--jobs 2`", two, count)]  # fmt: skip
    header = (
        f"clips of {CLIP_S:g} s, {shown(STYLED)}",
        "processor ms a clip",
        "less",
        "wall ms a clip",
        "faster",
    )
    said = "The samples are the same both ways." if off == 0 else f"The samples differ by {off:.1g} at most."
    return compared(header, found) + f"\n\n{said}"


def one_song(cwd: Path, song: Path, minutes: float, base: str) -> str:
    """One song both ways."""
    shell = measure(["bash", "-c", "set -eo pipefail; " + pipe(STYLED, song.name, "a.wav", base)], cwd=cwd)
    one = run(cwd, STYLED, song.name, "b.wav")
    header = (f"a song of {minutes:g} minutes, the same chain", "processor ms", "less", "wall ms", "faster")
    return compared(header, [("pipe of four processes", shell, 1), ("`audiokit run`", one, 1)])


def mels(cwd: Path, count: int) -> str:
    """Mel spectrograms at one loudness, beside a loop over two libraries."""
    loop = measure([sys.executable, "-W", "ignore", "-c", LOOP, "clips", "loop"], cwd=cwd)
    peaks = measure([sys.executable, "-W", "ignore", "-c", LOOP, "clips", "peaks", "peaks"], cwd=cwd)
    plain = run(cwd, ("normalize --no-limiter", MEL[1]), "clips", "plain/")
    one = run(cwd, MEL, "clips", "mel/")
    two = run(cwd, MEL, "clips", "mel2/", "--jobs", "2")
    found = [
        ("a loop over librosa and pyloudnorm, which lets peaks clip", loop, count),
        ("that loop, turned down where true peaks ask for it", peaks, count),
        ("`audiokit run`, turned down where true peaks ask for it (`--no-limiter`)", plain, count),
        ("`audiokit run`, with the limiter, its default", one, count),
        ("the same with `--jobs 2`", two, count),
    ]
    header = (f"{count} clips, {shown(MEL)}", "processor ms a clip", "less", "wall ms a clip", "faster")
    return compared(header, found)


def memory(cwd: Path, minutes: float, hours: float) -> str:
    """The most memory for a song and for hours of it, and for more and more stages."""
    short = write_song(cwd / "short.wav", minutes, channels=2, rate=44_100)
    long = write_song(cwd / "long.wav", hours * 60, channels=2, rate=44_100)
    rows: list[tuple[object, ...]] = []
    for stages in STREAMED:
        for path, said in ((short, f"{minutes:g} minutes"), (long, f"{hours:g} hours")):
            m = run(cwd, stages, path.name, "streamed.wav", "--force")
            rows.append((shown(stages), said, f"{m.peak_mb:.0f}", f"{m.seconds:.1f}"))
    for number in (1, 3, 5, 8):
        m = run(cwd, LONGER[:number], short.name, f"long{number}.wav")
        rows.append((f"{number} stages: {shown(LONGER[:number])}", f"{minutes:g} minutes", f"{m.peak_mb:.0f}",
                     f"{m.seconds:.1f}"))  # fmt: skip
    return table(("44.1 kHz stereo", "length", "peak MB", "wall s"), rows)


def compared(header: Sequence[str], found: Sequence[tuple[str, Measurement, int]]) -> str:
    """A table of rows, each beside the first."""
    _, first, first_count = found[0]
    rows = []
    for said, m, count in found:
        processor, wall = 1000 * m.processor / count, 1000 * m.seconds / count
        less, faster = 1000 * first.processor / first_count / processor, 1000 * first.seconds / first_count / wall
        rows.append((said, f"{processor:.0f}", f"{less:.1f}x", f"{wall:.0f}", f"{faster:.1f}x", f"{m.peak_mb:.0f}"))
    return table((*header, "peak MB"), rows)


def shown(stages: Sequence[str]) -> str:
    """A chain in a cell of a table."""
    return f"`{' | '.join(stages)}`".replace("|", r"\|")


if __name__ == "__main__":
    main()
