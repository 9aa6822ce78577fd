"""Loudness: how exactly, how fast, what else changed. Run: python tests/bench/bench_normalize.py [FILES_FOLDER]

Every method takes the same folder to -16 LUFS at -1 dBTP; ffmpeg's ebur128 judges all of them. Without a folder, songs
are made and cut into different pieces. Needs ffmpeg; ffmpeg-normalize is compared when it is installed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

TARGET, PEAK, COUNT = -16.0, -1.0, 50
PYLOUDNORM = """
import sys, numpy, pyloudnorm, soundfile
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    y, rate = soundfile.read(source)
    loudness = pyloudnorm.Meter(rate).integrated_loudness(y)
    soundfile.write(target, pyloudnorm.normalize.loudness(y, loudness, -16.0), rate)
"""


def main() -> None:
    if not shutil.which("ffmpeg"):
        sys.exit("this bench needs ffmpeg as the judge")
    with tempfile.TemporaryDirectory() as work:
        files = pieces(Path(work) / "in", Path(sys.argv[1]) if len(sys.argv) > 1 else None)
        seconds = sum(sf.info(path).duration for path in files)
        rows = []
        for name, method in METHODS.items():
            out = Path(work) / name.split()[0]
            out.mkdir()
            started = time.perf_counter()
            if method(files, out) is None:
                continue
            rows.append((name, time.perf_counter() - started, [judge(out / path.name) for path in files]))
        report(rows, files, seconds)


def pieces(folder: Path, given: Path | None) -> list[Path]:
    """Make 50 files of 10 s at different levels, from the music in a folder or from songs that are made."""
    folder.mkdir()
    if given is None:
        maker = Path(__file__).parents[2] / "examples/songs/make_songs.py"
        given = folder.parent / "songs"
        subprocess.run([sys.executable, maker, given, "--seconds", "30"], check=True, stdout=subprocess.DEVNULL)
    sources = sorted(p for p in given.rglob("*") if p.suffix in (".wav", ".flac", ".ogg", ".mp3"))
    rng, made = np.random.default_rng(0), []
    while len(made) < COUNT:
        source = sources[len(made) % len(sources)]
        rate, frames = sf.info(source).samplerate, sf.info(source).frames
        start = int(rng.integers(0, max(1, frames - 10 * rate)))
        y, _ = sf.read(source, start=start, frames=10 * rate, always_2d=True)
        y = y / max(1e-9, np.abs(y).max()) * 10 ** (rng.uniform(-24, -0.5) / 20)
        made.append(folder / f"{len(made):02d}.wav")
        sf.write(made[-1], y, rate, subtype="PCM_16")
    return made


def run(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def judge(path: Path) -> tuple[float, float, int]:
    """Integrated loudness and true peak as ffmpeg's ebur128 hears them, and the rate."""
    said = run("ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", "ebur128=peak=true", "-f", "null", "-")
    summary = said[said.rindex("Summary:") :]
    loudness, peak = re.search(r"I:\s+(\S+) LUFS", summary), re.search(r"Peak:\s+(\S+) dBFS", summary)
    assert loudness and peak
    return float(loudness[1]), float(peak[1]), sf.info(path).samplerate


def audiokit(files, out, jobs="1"):
    run(sys.executable, "-m", "audiokit", "normalize", files[0].parent, "-o", f"{out}/", "--to", TARGET,
        "--peak", PEAK, "--jobs", jobs, "--quiet", "--force")  # fmt: skip
    return True


def loudnorm(files, out):
    aim = f"loudnorm=I={TARGET}:TP={PEAK}:LRA=11"
    for path in files:
        said = run(
            "ffmpeg", "-hide_banner", "-nostats", "-i", path, "-af", f"{aim}:print_format=json", "-f", "null", "-"
        )
        m = json.loads(said[said.rindex("{") : said.rindex("}") + 1])
        measured = (
            f":measured_I={m['input_i']}:measured_TP={m['input_tp']}:measured_LRA={m['input_lra']}"
            f":measured_thresh={m['input_thresh']}:offset={m['target_offset']}:linear=true"
        )
        run("ffmpeg", "-hide_banner", "-nostats", "-y", "-i", path, "-af", aim + measured, out / path.name)
    return True


def ffmpeg_normalize(files, out):
    if not shutil.which("ffmpeg-normalize"):
        return None
    run("ffmpeg-normalize", *files, "-t", TARGET, "-tp", PEAK, "-of", out, "-ext", "wav", "-f", "-q")
    return True


def pyloudnorm(files, out):
    pairs = [item for path in files for item in (path, out / path.name)]
    run(sys.executable, "-W", "ignore", "-c", PYLOUDNORM, *pairs)
    return True


METHODS = {
    "audiokit normalize": audiokit,
    "audiokit2 normalize --jobs 2": lambda files, out: audiokit(files, out, "2"),
    "loudnorm (ffmpeg, two passes, linear)": loudnorm,
    "ffmpeg-normalize": ffmpeg_normalize,
    "pyloudnorm (no limiter)": pyloudnorm,
}


def report(rows, files, seconds: float) -> None:
    lines = [
        "| method | mean error, LU | worst, LU | files within 0.1 LU | highest true peak, dBTP | rate kept | time, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, elapsed, heard in rows:
        errors = np.abs([loudness - TARGET for loudness, _, _ in heard])
        kept = sum(rate == sf.info(path).samplerate for (_, _, rate), path in zip(heard, files, strict=True))
        lines.append(
            f"| {name.replace('audiokit2', 'audiokit')} | {errors.mean():.2f} | {errors.max():.2f}"
            f" | {sum(errors <= 0.1001)} of {len(files)} | {max(peak for _, peak, _ in heard):.1f}"
            f" | {kept} of {len(files)} | {elapsed:.1f} |"
        )
    lines += [
        "",
        f"{len(files)} pieces of music, {seconds:.0f} s in all, some under 3 s, to {TARGET:g} LUFS at {PEAK:g} dBTP;"
        f" judged by ffmpeg's ebur128, which prints one decimal; {os.cpu_count()} cores, start-up included.",
    ]
    text = "\n".join(lines)
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "normalize.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
