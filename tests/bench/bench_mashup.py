"""The mash-up on real songs: do beats agree, is the balance as asked, is anything clipped or silent?

    python -m tests.bench.bench_mashup VOICE BAND [--balance 2]

Runs examples/mashup/Makefile in a temporary folder, warps the whole voice song like its vocals, tracks its beats
again and compares them with those of the band's song.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.dsp.loudness.loudness import measure
from audiokit.dsp.rhythm.beats import track_beats
from audiokit.dsp.rhythm.warp import warp
from audiokit.io import audio
from audiokit.stages.align_beats.plan import Alignment, Reference, make_plan

EXAMPLE = Path(__file__).parents[2] / "examples/mashup"


def program(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "audiokit", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", type=Path)
    parser.add_argument("band", type=Path)
    parser.add_argument("--balance", type=float, default=2.0)
    given = parser.parse_args()
    voice, band = given.voice.resolve(), given.band.resolve()
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"VOICE={voice}", f"BAND={band}", f"OUT={folder}", f"BALANCE={given.balance}dB"]
        call = [f"AUDIOKIT={sys.executable} -m audiokit", "-s", "-f", str(EXAMPLE / "Makefile")]
        subprocess.run(["make", *call, *settings], check=True, stdout=subprocess.DEVNULL)
        a, about = audio.read(voice)
        b, rate = audio.read(band)[0], audio.info(band).rate
        reference = track_beats(b, rate)
        options = Alignment()
        plan = make_plan(a, about.rate, a.shape[1] / about.rate, options, Reference(reference, rate, b.shape[1] / rate))
        if about.rate != rate:
            a = audio.read(voice, rate=rate)[0]
        moved = warp(a, rate, plan.time_map, length=plan.stretches[-1].stop)
        again = track_beats(moved, rate, bpm=reference.tempo_bpm).times_s
        truth = reference.times_s[reference.times_s < moved.shape[1] / rate]
        near = np.abs(truth[:, None] - again[None, :]).min(axis=1)
        spread = [
            f"F at {1000 * w:.0f} ms {2 * (near < w).sum() / (len(truth) + len(again)):.3f}" for w in (0.035, 0.07)
        ]
        beats_report = json.loads((Path(folder) / "beats.json").read_text())["report"]
        print(f"{voice.name} over {band.name}: beats agree: {', '.join(spread)}")
        print(
            f"  tempo {beats_report['tempo_bpm']} -> {beats_report['target_bpm']}, speed {beats_report['speed_range']}"
        )
        print(f"  warnings {beats_report['warnings']}")
        said = program(
            "mix", f"{folder}/matched.wav", f"{folder}/band.wav", "--balance", f"{given.balance}dB", "--length",
            "shortest", "--subtype", "FLOAT", "-o", f"{folder}/again.wav", "--json",
        )  # fmt: skip
        mix, _ = audio.read(f"{folder}/again.wav")
        vocals, accompaniment = (
            audio.read(f"{folder}/{name}.wav")[0][:, : mix.shape[1]] for name in ("matched", "band")
        )
        # The mix is a sum of both with one gain each: find them.
        flat = np.stack([vocals.ravel(), accompaniment.ravel()], axis=1).astype(np.float64)
        gains = np.linalg.lstsq(flat, mix.ravel().astype(np.float64), rcond=None)[0]
        levels = [
            measure((part * gain).astype(np.float32), rate).integrated_lufs
            for part, gain in zip((vocals, accompaniment), gains, strict=True)
        ]
        found = levels[0] - levels[1]
        print(f"  vocals over accompaniment {found:+.2f} LU, asked {given.balance:+.1f}; mix said {said.strip()[:200]}")
        final, _ = audio.read(f"{folder}/mashup.wav")
        windows = final[:, : final.shape[1] // rate * rate].reshape(len(final), -1, rate)
        quietest = 20 * np.log10(np.sqrt((windows**2).mean(axis=(0, 2))).min() + 1e-9)
        print(f"  peak {20 * np.log10(np.abs(final).max()):.2f} dBFS, quietest second {quietest:.1f} dBFS")


if __name__ == "__main__":
    main()
