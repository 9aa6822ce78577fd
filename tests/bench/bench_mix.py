"""Mixing: the same sum from sox, ffmpeg and audiokit. Run: python tests/bench/bench_mix.py"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

SECONDS, RATE, TRACKS = 120, 44_100, 4


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        paths = [folder / f"{k}.wav" for k in range(TRACKS)]
        tracks = [0.2 * rng.standard_normal((SECONDS * RATE, 2)).clip(-4, 4) for _ in paths]
        for path, track in zip(paths, tracks, strict=True):
            sf.write(path, track, RATE, subtype="FLOAT")
        total = sum(sf.read(path)[0] for path in paths)
        volumes = [item for path in paths for item in ("-v", "1", path)]
        inputs = [item for path in paths for item in ("-i", path)]
        methods = {
            "audiokit mix": [sys.executable, "-m", "audiokit", "mix", *paths, "-o", folder / "a.wav", "-q"],
            "sox -m": ["sox", "-m", *volumes, "-e", "float", "-b", "32", folder / "b.wav"],
            "ffmpeg amix": ["ffmpeg", "-loglevel", "error", *inputs, "-filter_complex",
                            f"amix={TRACKS}:normalize=0", "-c:a", "pcm_f32le", folder / "c.wav"],
        }  # fmt: skip
        lines = [
            "| method | time, s | largest deviation from the true sum, dBFS | samples over full scale kept |",
            "|---|---|---|---|",
        ]
        for name, command in methods.items():
            if not shutil.which(str(command[0])):
                continue
            started = time.perf_counter()
            subprocess.run([str(c) for c in command], check=True)
            elapsed = time.perf_counter() - started
            y = sf.read(command[command.index("-o") + 1] if "-o" in command else command[-1])[0]
            deviation = np.abs(y[: len(total)] - total).max()
            level = f"{20 * np.log10(deviation):.0f}" if deviation else "none"
            kept = "yes" if np.abs(y).max() > 1 else "no, clipped"
            lines.append(f"| {name} | {elapsed:.1f} | {level} | {kept} |")
        lines += ["", f"{TRACKS} stereo float files of {SECONDS} s that sum over full scale; {os.cpu_count()} cores."]
    text = "\n".join(lines)
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "mix.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
