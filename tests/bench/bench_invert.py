"""Phase retrieval and mel inversion beside librosa, on the same clips, in one run.

    python -m tests.bench.bench_invert [CLIP...]

Spectral convergence: how far the magnitude of the resulting audio is from the one given, in dB (lower is better).
Log-spectral distance: root mean square over bins of the difference of levels in dB, averaged over frames, levels
more than 60 dB below the clip's loudest bin counted as such. Times are processor time on one thread, so other
work on the machine hardly matters. The clips (10 s each) were not used while the inverter was developed.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from tests.bench.measure import publish, table

RATE, N_FFT, HOP, SECONDS = 22_050, 1024, 256, 10
CLIPS = (
    "speech/TTS/ljspeech/wavs/LJ001-0016.wav",
    "speech/data/5703-47212-0000.hq.ogg",
    "singing/basic-pitch/vocadito_14.wav",
    "genre/sms-tools-materials/cello-phrase.wav",
    "genre/sms-tools-materials/sax-phrase-short.wav",
    "genre/webaudio-examples/audio-basics/outfoxing.mp3",
    "genre/data/Karissa_Hobbs_-_Lets_Go_Fishin.hq.ogg",
    "genre/data/sorohanro_-_solo-trumpet-06.hq.ogg",
    "genre/data/Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_(string_orchestra).hq.ogg",
    "beats/sonic-pi/loop_breakbeat.flac",
)


def clips(names: list[str]) -> list[tuple[str, np.ndarray]]:
    """Read the clips, mono at 22,050 Hz."""
    from audiokit import read

    folder = Path(__file__).resolve().parents[3] / "shared" / "audio"
    paths = [Path(name) for name in names] or [folder / name for name in CLIPS]
    found = []
    for path in paths:
        if not path.exists():
            print(f"left out, not here: {path}", file=sys.stderr)
            continue
        y, _ = read(path, rate=RATE, mono=True)
        middle = max(0, (y.shape[1] - SECONDS * RATE) // 2)
        found.append((path.stem[:24], y[:, middle : middle + SECONDS * RATE]))
    return found


def magnitude(y: np.ndarray) -> np.ndarray:
    """Magnitude (F, N)."""
    from audiokit.dsp.spectrum.stft import stft

    return np.abs(stft(y, n_fft=N_FFT, hop=HOP))[0]


def convergence_db(y: np.ndarray, target: np.ndarray) -> float:
    """Distance of the magnitude of y from the target."""
    return float(20 * np.log10(np.linalg.norm(magnitude(y) - target) / np.linalg.norm(target)))


def log_spectral_distance(y: np.ndarray, target: np.ndarray) -> float:
    """Difference of levels, dB."""
    floor = 1e-3 * target.max()
    one, other = (20 * np.log10(np.maximum(m, floor)) for m in (magnitude(y), target))
    return float(np.mean(np.sqrt(np.mean((one - other) ** 2, axis=0))))


def timed(function, runs: int = 2) -> tuple[np.ndarray, float]:
    """Run (the first time may compile); return the result and the processor seconds of the fastest run."""
    best = np.inf
    for _ in range(runs):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return result, best


def phase_rows(y: np.ndarray) -> dict[str, tuple[float, ...]]:
    """Retrieve the phase of the true magnitude."""
    import librosa

    import audiokit

    target, length = magnitude(y), y.shape[1]
    transform = audiokit.Transform(rate=RATE, kind="magnitude", n_fft=N_FFT, hop=HOP)
    X = target[None]
    jobs = {
        "librosa griffinlim 32": lambda: librosa.griffinlim(
            target, n_iter=32, hop_length=HOP, n_fft=N_FFT, length=length, random_state=0
        )[None],
        "audiokit pghi": lambda: audiokit.invert(X, transform, length=length, method="pghi"),
        "audiokit griffin-lim 32, random": lambda: audiokit.invert(X, transform, length=length, init="random"),
        "audiokit (default)": lambda: audiokit.invert(X, transform, length=length),
        "audiokit 64 iterations": lambda: audiokit.invert(X, transform, length=length, iterations=64),
    }
    rows = {}
    for name, job in jobs.items():
        found, seconds = timed(job)
        rows[name] = (convergence_db(found, target), log_spectral_distance(found, target), seconds)
    return rows


def mel_rows(y: np.ndarray) -> dict[str, tuple[float, ...]]:
    """Invert 128 mel bands (librosa's melspectrogram with its defaults)."""
    import librosa

    import audiokit

    target, length = magnitude(y), y.shape[1]
    X, transform = audiokit.spectro(y, RATE, kind="mel", scale="linear")
    jobs = {
        "librosa mel_to_audio": lambda: librosa.feature.inverse.mel_to_audio(X[0], sr=RATE, length=length)[None],
        "audiokit, without network": lambda: audiokit.invert(X, transform, length=length, model="none"),
        "audiokit (default)": lambda: audiokit.invert(X, transform, length=length),
    }
    rows = {}
    for name, job in jobs.items():
        found, seconds = timed(job)
        rows[name] = (convergence_db(found, target), log_spectral_distance(found, target), seconds)
    return rows


def summary(per_clip: list[dict[str, tuple[float, ...]]], baseline: str) -> str:
    """Table of means over clips."""
    reference = float(np.mean([rows[baseline][2] for rows in per_clip]))
    lines = []
    for method in per_clip[0]:
        c, d, s = np.mean([rows[method] for rows in per_clip], axis=0)
        lines.append((method, f"{c:.1f}", f"{d:.2f}", f"{s:.2f}", f"{s / reference:.2f}"))
    return table(("method", "convergence dB", "log-spectral distance dB", "processor s", "x its time"), lines)


def main() -> None:
    """Print both tables, and convergence and distance of every clip."""
    warnings.simplefilter("ignore")
    sounds = clips(sys.argv[1:])
    if not sounds:
        sys.exit("no clips: give audio files as arguments")
    phases = [phase_rows(y) for _, y in sounds]
    mels = [mel_rows(y) for _, y in sounds]
    publish(
        "invert",
        f"{len(sounds)} clips of {SECONDS} s (speech, singing, instruments, songs), one processor thread."
        f" True magnitudes, n_fft {N_FFT}, hop {HOP}, {RATE} Hz:\n\n{summary(phases, 'librosa griffinlim 32')}\n\n"
        f"128 mel bands (power 2, n_fft 2048, hop 512):\n\n{summary(mels, 'librosa mel_to_audio')}",
    )
    for results in (phases, mels):
        print(f"\n{'clip':26s}" + "".join(f"{method[:22]:>24s}" for method in results[0]))
        for (name, _), rows in zip(sounds, results, strict=True):
            print(f"{name:26s}" + "".join(f"{values[0]:>14.1f} {values[1]:>9.2f}" for values in rows.values()))


if __name__ == "__main__":
    main()
