"""Mel inversion beside librosa on held-out sounds, in one run.

    python -m tests.bench.bench_mel [CLIP...] [--soundfont FILE.sf2]
    python -m tests.bench.bench_mel --vocoder FOLDER        a trained vocoder beside them, at its own front-end

PESQ (wide band) and STOI of the speech clips; on all clips the mean difference of log mel bands (80 bands, natural
log, 80 dB range), the log-spectral distance, and the multi-resolution STFT distance (spectral convergence plus mean
difference of log magnitudes at 512, 1024 and 2048 samples, mean of the three). Speed is seconds of audio per second
of processor time on one thread. No clip, speaker, song or soundfont was in the training data of the shipped networks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from tests.arrangements import arrange, play
from tests.bench.bench_invert import log_spectral_distance, timed
from tests.bench.measure import have, publish, table

SECONDS = 8
ARRANGEMENTS = 5
KINDS = ("speech", "music", "soundfont")
SPEECH = (
    "speech/data/5703-47212-0000.hq.ogg",
    "speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a0004.wav",
    "speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a0005.wav",
    "speech/denoiser/debug/clean/p287_001.wav",
    "speech/denoiser/debug/clean/p287_003.wav",
    "speech/speechbrain/ASR/spk2_snt1.wav",
    "speech/speechbrain/ASR/spk2_snt4.wav",
)
MUSIC = (
    "singing/basic-pitch/vocadito_14.wav",
    "genre/sms-tools-materials/orchestra.wav",
    "genre/data/Karissa_Hobbs_-_Lets_Go_Fishin.hq.ogg",
    "genre/data/Kevin_MacLeod_-_Vibe_Ace.hq.ogg",
    "genre/data/sorohanro_-_solo-trumpet-06.hq.ogg",
    "genre/webaudio-examples/audio-basics/outfoxing.mp3",
    "stems/everythingisremixed/4.Potassium_1/mixture.flac",
)


def sounds(names: list[str], rate: int, soundfont: str) -> list[tuple[str, str, np.ndarray]]:
    """Read (name, kind, audio) at a rate; clips given by the user count as music unless "speech" is in them."""
    from audiokit import read

    folder = Path(__file__).resolve().parents[3] / "shared" / "audio"
    chosen = [Path(n) for n in names] or [folder / n for n in (*SPEECH, *MUSIC)]
    found = []
    for path in chosen:
        if not path.exists():
            print(f"left out, not here: {path}", file=sys.stderr)
            continue
        y, _ = read(path, rate=rate, mono=True)
        y = y[:, : SECONDS * rate]
        kind = "speech" if "speech" in str(path) else "music"
        found.append((path.stem[:22], kind, y / np.abs(y).max() * np.float32(0.9)))
    if Path(soundfont).exists() and have("fluidsynth") and not names:
        for seed in range(900, 900 + ARRANGEMENTS):
            y = play(arrange(seed, seconds=SECONDS + 2), soundfont, rate=rate)[:, rate : (SECONDS + 1) * rate]
            y = y.mean(axis=0, keepdims=True)
            found.append((f"arrangement {seed}", "soundfont", y / np.abs(y).max() * np.float32(0.9)))
    return found


def log_mel_distance(found: np.ndarray, y: np.ndarray, rate: int) -> float:
    """Mean difference of log mel bands."""
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    W = mel_filterbank(rate, 1024, 80)
    one, other = (W @ np.abs(stft(x, n_fft=1024, hop=256))[0] for x in (found, y))
    floor = 1e-4 * other.max()
    return float(np.abs(np.log(np.maximum(one, floor)) - np.log(np.maximum(other, floor))).mean())


def stft_distance(found: np.ndarray, y: np.ndarray) -> float:
    """Multi-resolution STFT distance."""
    from audiokit.dsp.spectrum.stft import stft

    values = []
    for n_fft in (512, 1024, 2048):
        one, other = (np.abs(stft(x, n_fft=n_fft, hop=n_fft // 4))[0] for x in (found, y))
        floor = 1e-4 * other.max()
        logs = np.abs(np.log(np.maximum(one, floor)) - np.log(np.maximum(other, floor))).mean()
        values.append(np.linalg.norm(one - other) / np.linalg.norm(other) + logs)
    return float(np.mean(values))


def speech_scores(found: np.ndarray, y: np.ndarray, rate: int) -> tuple[float, float]:
    """PESQ and STOI at 16 kHz."""
    import soxr
    from pesq import pesq
    from pystoi import stoi

    one, other = (soxr.resample(x[0], rate, 16_000) for x in (y, found))
    return float(pesq(16_000, one, other, "wb")), float(stoi(one, other, 16_000))


def measure(
    y: np.ndarray, rate: int, preset: str, speech: bool, vocoder: str | None = None
) -> dict[str, tuple[float, ...]]:
    """Invert one clip's mel bands in every way."""
    import librosa

    import audiokit
    from audiokit.dsp.spectrum.stft import stft

    length = y.shape[1]
    X, transform = audiokit.spectro(y, rate, preset=preset)
    t = transform
    mel = t.filters @ np.abs(stft(y, n_fft=t.n_fft, hop=t.hop))[0] ** t.power

    def theirs() -> np.ndarray:
        bands = {"fmin": t.fmin, "fmax": t.fmax, "htk": t.htk, "norm": t.mel_norm}
        return librosa.feature.inverse.mel_to_audio(
            mel, sr=rate, n_fft=t.n_fft, hop_length=t.hop, power=t.power, length=length, **bands
        )[None]

    jobs = {
        "librosa mel_to_audio": theirs,
        "audiokit --model none": lambda: audiokit.invert(X, t, length=length, model="none"),
        "audiokit (default)": lambda: audiokit.invert(X, t, length=length),
    }
    if vocoder:
        jobs[f"vocoder {Path(vocoder).name}"] = lambda: audiokit.invert(X, t, length=length, vocoder=vocoder)
    rows = {}
    for name, job in jobs.items():
        found, seconds = timed(job, runs=1)
        target = np.abs(stft(y, n_fft=1024, hop=256))[0]
        scores = speech_scores(found, y, rate) if speech else (np.nan, np.nan)
        distances = (log_mel_distance(found, y, rate), log_spectral_distance(found, target), stft_distance(found, y))
        rows[name] = (*scores, *distances, length / rate / seconds)
    return rows


HEADER = ("method", "PESQ", "STOI", "log-mel L1", "speech", "music", "soundfont", "LSD dB", "MR-STFT", "x real time")


def main() -> None:
    """Print one table per front-end."""
    import audiokit
    from audiokit.dsp.spectrum.presets import find_preset
    from audiokit.models.folder.checkpoint import read_card

    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="*")
    parser.add_argument("--soundfont", default="/usr/share/sounds/sf2/TimGM6mb.sf2")
    parser.add_argument("--vocoder", help="model folder of a trained vocoder")
    options = parser.parse_args()
    presets, result = ["melgan", "cyclegan-music", "vocal-cyclegan"], "mel"
    if options.vocoder:
        card = read_card(Path(options.vocoder))
        presets, result = [card["frontend"]["preset"]], "mel-vocoder"
    parts = []
    for preset in presets:
        rate = find_preset(preset).fields["rate"]
        audiokit.invert(*audiokit.spectro(np.ones((1, rate), np.float32), rate, preset=preset))  # compile first
        clips = sounds(options.clips, rate, options.soundfont)
        if not clips:
            sys.exit("no clips: give audio files as arguments")
        results = [measure(y, rate, preset, kind == "speech", options.vocoder) for _, kind, y in clips]
        kinds = np.array([kind for _, kind, _ in clips])
        lines = []
        for name in results[0]:
            v = np.array([rows[name] for rows in results])
            pesq, stoi, mel, lsd, mrstft, speed = np.nanmean(v, axis=0)
            each = [f"{v[kinds == kind, 2].mean():.3f}" if (kinds == kind).any() else "-" for kind in KINDS]
            scores = [f"{pesq:.2f}", f"{stoi:.3f}", f"{mel:.3f}", *each, f"{lsd:.2f}", f"{mrstft:.2f}", f"{speed:.1f}"]
            lines.append((name, *scores))
        parts.append(f"Preset {preset} ({rate:,} Hz):\n\n{table(HEADER, lines)}")
    speech, music, made = ((kinds == kind).sum() for kind in KINDS)
    counts = f"{speech} clips of speech, {music} of music and singing, {made} arrangements played by a soundfont"
    note = f"{counts}, {SECONDS} s each, none of which a network was trained on; one processor thread."
    if options.vocoder:
        log = (Path(options.vocoder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        last = json.loads(log[-1])
        minutes = f"at most {last['seconds'] / 60:.0f} minutes on one core"
        note += f" The vocoder: {card['architecture']}, {last['step']} steps, {minutes}."
    publish(result, "\n\n".join([note, *parts]))


if __name__ == "__main__":
    main()
