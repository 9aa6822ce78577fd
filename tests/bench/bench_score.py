"""`audiokit score` beside a script that calls the libraries: the same values, and what the wrapper costs.

Run: python -m tests.bench.bench_score [CLEAN_FOLDER NOISY_FOLDER], recordings of the same names, about half a minute;
without them, synthetic syllables in noise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io.audio import read, write
from tests.bench.measure import PROGRAM, measure, publish, table
from tests.signals import talk

RATE = 16_000
_READ = "import soundfile as sf, numpy as np; x, y = (sf.read(n, dtype='float32')[0] for n in ('ref.wav', 'est.wav'));"
#: metrics -> (library, what a user would otherwise write; it prints the value)
SCRIPTS = {
    "pesq": ("pesq", _READ + "import pesq; print(pesq.pesq(16000, x, y, 'wb'))"),
    "stoi": ("pystoi", _READ + "import pystoi; print(pystoi.stoi(x, y, 16000))"),
    "bss": (
        "museval",
        "import warnings; warnings.simplefilter('ignore');" + _READ + "import museval;"
        "print(np.nanmedian(museval.evaluate(x[None, :, None].astype(float), y[None, :, None].astype(float),"
        " win=16000, hop=16000, mode='v4', padding=True)[0]))",
    ),
}
KEYS = {"pesq": "pesq", "stoi": "stoi", "bss": "sdr_db"}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pairs = recordings(*map(Path, sys.argv[1:3])) if len(sys.argv) > 2 else synthetic()
        pairs = [[y[:, : min(z.shape[1] for z in pair)] for y in pair] for pair in pairs]
        for k, name in enumerate(("ref.wav", "est.wav")):
            write(folder / name, np.concatenate([pair[k] for pair in pairs], axis=1)[:, : 30 * RATE], RATE)
        seconds = read(folder / "ref.wav")[0].shape[1] / RATE
        for metric, (library, script) in SCRIPTS.items():
            command = [*PROGRAM, "score", "est.wav", "--ref", "ref.wav", "--metrics", metric]
            direct = [sys.executable, "-c", script]
            values = [
                json.loads(run([*command, "--json"], folder))["scores"][KEYS[metric]],
                float(run(direct, folder)),
            ]
            ours, theirs = (measure(c, cwd=folder, repeats=2) for c in (command, direct))
            rows.append([f"**`score --metrics {metric}`**", f"{values[0]:.6f}", ours.seconds, f"{ours.peak_mb:.0f} MB"])
            rows.append(
                [f"{library}, called by a script", f"{values[1]:.6f}", theirs.seconds, f"{theirs.peak_mb:.0f} MB"]
            )
        own = measure([*PROGRAM, "score", "est.wav", "--ref", "ref.wav"], cwd=folder, repeats=2)
        rows.append(["**`score`** (the seven measures of its own)", "", own.seconds, f"{own.peak_mb:.0f} MB"])
    header = [f"{seconds:.0f} s of noisy speech, start included", "value", "seconds", "peak memory"]
    publish("score", table(header, rows))


def recordings(clean: Path, noisy: Path) -> list[list[np.ndarray]]:
    names = sorted(path.name for path in clean.iterdir() if (noisy / path.name).exists())
    return [[read(side / name, rate=RATE, mono=True)[0] for side in (clean, noisy)] for name in names]


def synthetic() -> list[list[np.ndarray]]:
    rng = np.random.default_rng(0)
    y = np.concatenate([talk(rng, rate=RATE, syllables=12)[0] for _ in range(8)], axis=1)
    return [[y, y + 0.01 * rng.standard_normal(y.shape).astype(np.float32)]]


def run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
