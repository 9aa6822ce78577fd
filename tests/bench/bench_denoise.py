"""Denoisers beside each other: PESQ, STOI and SI-SDR per noise and ratio, on voices and noises not trained on.

    python -m tests.bench.bench_denoise [--seconds 6] [--every 1] [--model FOLDER] [--before FOLDER] \
        [--pairs FOLDER]... [--write]

Needs pesq, pystoi and noisereduce, and the recordings in ../shared. White noise is synthesised, here and in training.
`--pairs` adds a table over recordings that exist clean and noisy, such as the test voices of VoiceBank+DEMAND (p232,
p257): a folder with `clean/` and `noisy/`, whose files have the same names. `--before` compares with an older model.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

from audiokit import denoise, read

AUDIO = Path(__file__).resolve().parents[3] / "shared" / "audio"
RATE = 16_000
VOICES = {
    "LibriSpeech 3436": "speech/data/3436-172162-0000.hq.ogg",
    "LibriSpeech 5703": "speech/data/5703-47212-0000.hq.ogg",
    "VoiceBank p286": "speech/audiomentations/p286_011.wav",
    "ARCTIC axb": "speech/pyroomacoustics/input_samples/cmu_arctic_us_axb_a0006.wav",
}
NOISES = {
    "white": None,
    "cafe": "noise/noisereduce/cafe_short.wav",
    "city": "noise/modern-alarm-clock/city.mp3",
    "rain": "noise/modern-alarm-clock/rain.mp3",
    "printer": "noise/sonic-pi/loop_3d_printer.flac",
}
RATIOS_DB = (0, 5, 10, 15)
OFFICIAL = ("dns3", "vctk")
PAIR_RATIOS_DB = (2.5, 7.5, 12.5, 17.5)


def scores(clean: np.ndarray, result: np.ndarray) -> tuple[float, float, float]:
    """Wideband PESQ, STOI, and scale-invariant SDR in dB."""
    from pesq import pesq
    from pystoi import stoi

    s, y = clean.astype(np.float64) - clean.mean(), result.astype(np.float64) - result.mean()
    target = (s @ y) / (s @ s) * s
    sdr_db = 10 * np.log10((target @ target) / max((y - target) @ (y - target), 1e-20))
    return pesq(RATE, clean, result, "wb"), float(stoi(clean, result, RATE)), float(sdr_db)


def mixtures(seconds: float):
    """Yield (noise, ratio, clean, noisy); the place in the noise differs, the seed does not."""
    rng = np.random.default_rng(2024)
    backgrounds = {k: None if p is None else read(AUDIO / p, rate=RATE, mono=True)[0][0] for k, p in NOISES.items()}
    for path in VOICES.values():
        clean = read(AUDIO / path, rate=RATE, mono=True)[0][0][: int(seconds * RATE)]
        for name, background in backgrounds.items():
            for ratio_db in RATIOS_DB:
                if background is None:
                    noise = rng.standard_normal(clean.size)
                else:
                    start = int(rng.integers(background.size))
                    noise = np.take(background, np.arange(start, start + clean.size), mode="wrap")
                noise = noise * np.sqrt((clean @ clean) / (noise @ noise)) * 10 ** (-ratio_db / 20)
                yield name, ratio_db, clean, (clean + noise).astype(np.float32)


def pairs(folders: list[Path]):
    """Yield (voice, ratio, clean, noisy) of recordings (T,); a ratio is the nearest of VoiceBank's four levels."""
    noisy_files = {path.name: path for folder in folders for path in sorted((folder / "noisy").glob("*.wav"))}
    for name, path in noisy_files.items():
        other = path.parents[1] / "clean" / name
        if not other.exists():
            continue
        clean, noisy = (read(p, rate=RATE, mono=True)[0][0] for p in (other, path))
        length = min(clean.size, noisy.size)
        clean, noisy = clean[:length], noisy[:length]
        frames = clean[: length // 320 * 320].reshape(-1, 320)
        energy = np.mean(frames**2, axis=1)
        speech, noise = energy[energy > 1e-3 * energy.max()].mean(), np.mean((noisy - clean) ** 2)
        ratio_db = 10 * np.log10(speech / noise)
        yield path.stem.split("_")[0], min(PAIR_RATIOS_DB, key=lambda r: abs(r - ratio_db)), clean, noisy


def methods(model: str | None, before: str | None):
    """Name what is compared: (label, function of noisy audio (T,))."""
    import noisereduce

    official = AUDIO.parent / "golden" / "gtcrn"

    def run(**options):
        return lambda y: denoise(y[None], rate=RATE, content="speech", **options)[0]

    compared = {
        "untouched": lambda y: y,
        "noisereduce default": lambda y: noisereduce.reduce_noise(y=y, sr=RATE).astype(np.float32),
        "ours, plain (wiener)": run(engine="wiener"),
        **({"ours before": run(engine="neural", model=before)} if before else {}),
        "ours, neural": run(engine="neural", model=model),
    }
    return compared | {f"official GTCRN {n}": official_gtcrn(official / f"model_trained_on_{n}.tar") for n in OFFICIAL}


def official_gtcrn(path: Path):
    """The authors' weights, run as the authors run them."""
    import torch

    from audiokit.models.voice.gtcrn import import_gtcrn

    network, _ = import_gtcrn(path)
    window = torch.hann_window(512).sqrt()

    def run(y: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            spectrum = torch.stft(torch.from_numpy(y)[None], 512, 256, 512, window, return_complex=True)
            return torch.istft(network(spectrum)[0], 512, 256, 512, window, length=y.size)[0].numpy()

    return run


def measure(conditions, compared):
    """Run every method on (group, ratio, clean, noisy); return scores and processor seconds by method, and seconds."""
    results: dict[str, list[tuple[str, float, tuple[float, float, float]]]] = {name: [] for name in compared}
    spent, seconds = dict.fromkeys(compared, 0.0), 0.0
    for name, ratio_db, clean, noisy in conditions:
        seconds += clean.size / RATE
        for label, function in compared.items():
            started = time.process_time()
            result = function(noisy)
            spent[label] += time.process_time() - started
            results[label].append((name, ratio_db, scores(clean, result)))
    return results, spent, seconds


def table(results) -> list[str]:
    """Lay scores out as a table: all, by noise or voice, and by ratio."""
    first = next(iter(results.values()))
    groups = [("all", lambda n, r: True)]
    groups += [(name, lambda n, r, name=name: n == name) for name in dict.fromkeys(n for n, _, _ in first)]
    groups += [(f"{ratio:g} dB", lambda n, r, ratio=ratio: r == ratio) for ratio in sorted({r for _, r, _ in first})]

    def mean(label, keep):
        values = np.mean([s for n, r, s in results[label] if keep(n, r)], 0)
        return " / ".join(f"{v:{w}}" for v, w in zip(values, FORMATS, strict=True))

    lines = [f"| mixtures | {' | '.join(results)} |", f"|---|{'---|' * len(results)}"]
    for title, keep in groups:
        lines.append(f"| {title} | {' | '.join(mean(label, keep) for label in results)} |")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--every", type=int, default=1, help="use every n-th condition")
    parser.add_argument("--model", default=None)
    parser.add_argument("--before", default=None, help="an older model to compare with")
    parser.add_argument("--pairs", type=Path, action="append", default=[], help="a folder with clean/ and noisy/")
    parser.add_argument("--write", action="store_true", help="keep the tables in results/denoise.md")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    compared = methods(options.model, options.before)
    results, spent, seconds = measure(list(mixtures(options.seconds))[:: options.every], compared)
    count = len(results["untouched"])
    lines = [
        f"{count} mixtures, {seconds:.0f} s, 4 voices and 4 recorded noises not trained on: PESQ-WB / STOI / SI-SDR",
        "",
        *table(results),
    ]
    voices = [read(AUDIO / path, rate=RATE, mono=True)[0][0] for path in VOICES.values()]
    clean = [", ".join(f"{scores(y, f(y))[0]:.2f}" for y in voices) for f in compared.values()]
    lines.append(f"| clean speech (PESQ of each voice) | {' | '.join(clean)} |")
    lines.append(f"| x real time, one core | {' | '.join(f'{seconds / max(s, 1e-3):.0f}' for s in spent.values())} |")
    found = list(pairs(options.pairs))
    if found:
        results, _, seconds = measure(found, compared)
        voices = ", ".join(sorted({name for name, *_ in results["untouched"]}))
        title = f"{len(found)} recorded pairs of VoiceBank+DEMAND's test voices ({voices}), {seconds:.0f} s, likewise"
        lines += ["", title, "", *table(results)]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        (Path(__file__).parent / "results" / "denoise.md").write_text(text)


FORMATS = (".3f", ".3f", ".2f")

if __name__ == "__main__":
    main()
