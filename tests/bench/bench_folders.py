"""Folders of short files: audiokit beside the plain loops that one would write, in processor time and wall time.

    python -m tests.bench.bench_folders [--files 500] [--only log-mel,stft,...]

Each loop is one process over all files, start included, and so is audiokit with one job; `--jobs 2` comes last. What a
loop leaves out is said in its row. torch.stft stands for torchaudio, whose own transform calls it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from audiokit.io import audio
from tests import signals
from tests.bench.measure import PROGRAM, Measurement, measure, publish, table

RATE, SECONDS = 44_100, 6.0
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
    parser.add_argument("--only", default=",".join(TASKS))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cwd = Path(name)
        (cwd / "files").mkdir()
        for number in range(chosen.files):
            y = signals.plucks(np.random.default_rng(number), SECONDS, RATE, 2)
            audio.write(cwd / "files" / f"{number:04d}.wav", y, RATE, subtype="PCM_16")
        texts = [task(cwd, name, chosen.files) for name in chosen.only.split(",")]
    said = "Start-up is included, which weighs more the fewer files there are, and more on the loops."
    publish("folders", "\n\n".join([*texts, said]))


def task(cwd: Path, name: str, count: int) -> str:
    """One task: its loops, and audiokit with one job and with two."""
    options, loops = TASKS[name]
    found: list[tuple[str, Measurement]] = []
    for said, imports, body in loops:
        script = f"import warnings; warnings.simplefilter('ignore')\n{imports}{_HEAD}{body}\n"
        found.append((f"loop over {said}", measure([sys.executable, "-c", script, f"{name}-{said}"], cwd=cwd)))
    command, *rest = options
    for jobs in ("1", "2"):
        line = [*PROGRAM, command, "files", "-o", f"{name}-{jobs}/", *rest, "--quiet", "--jobs", jobs]
        said = f"`audiokit {' '.join([command, 'files', '-o', 'out/', *rest])}`" if jobs == "1" else "with `--jobs 2`"
        found.append((said, measure(line, cwd=cwd)))
    first = found[0][1]
    rows = [
        (
            said,
            f"{1000 * m.processor / count:.1f}",
            f"{first.processor / m.processor:.1f}x",
            f"{1000 * m.seconds / count:.1f}",
            f"{first.seconds / m.seconds:.1f}x",
            f"{m.peak_mb:.0f}",
        )
        for said, m in found
    ]
    header = (f"{count} files of {SECONDS:g} s, 44.1 kHz stereo: {name}", "processor ms a file", "less")
    return table((*header, "wall ms a file", "faster", "peak MB"), rows)


if __name__ == "__main__":
    main()
