"""Measure style models on pairs that they have not seen: the same pieces on both instruments.

    python measure.py MODEL [MODEL ...] --pairs PIANO VIBRAPHONE [--pairs ...] --train PIANO VIBRAPHONE [--card]

Prints, per set of pairs, the log-mel distance to the true recording (dB; 128 bands, 80 dB deep, levels aligned)
and the chroma correlation with the input, for: doing nothing; matching the input's average spectral envelope to
that of the style's recordings; one fixed filter, the difference of both sides' average envelopes; and each model.
`--card` writes the figures of the first model into its model.json, and the names of both sides from `--style`
(`pop-to-jazz`). `--ensemble LEVEL DELAY SWING HZ ...` writes before that which players its card adds (ms, ms, Hz of
each).
"""

import argparse
import json
import time
from pathlib import Path

import librosa
import numpy as np

from audiokit.dsp.spectrum.mel import mel_filterbank
from audiokit.dsp.spectrum.stft import istft, stft
from audiokit.dsp.spectrum.style import apply_gain, average_spectrum, envelope_gain
from audiokit.io.audio import read
from audiokit.stages.stylize.stage import make_stylizer, stylize

RATE = 22050
MEL = mel_filterbank(RATE, 2048, 128)


def mono(path):
    return read(path, rate=RATE, mono=True)[0][0]


def levelled(y, reference=0.1):
    return y * np.float32(reference / max(1e-9, np.sqrt(np.mean(y**2))))


def mel(y):
    return np.sqrt(MEL @ np.abs(stft(y[None])[0]) ** 2)


def distance(y, truth):
    """Mean difference of log-mel levels in dB, down to 80 dB below the truth's peak."""
    truth, y = mel(levelled(truth)), mel(levelled(y))
    floor = 1e-4 * truth.max()
    return float(np.abs(20 * np.log10(np.maximum(y, floor)) - 20 * np.log10(np.maximum(truth, floor))).mean())


def harmony(y, original):
    """Correlation of chroma in frames that sound."""
    chroma = [librosa.feature.chroma_stft(y=s, sr=RATE, n_fft=4096, hop_length=1024, tuning=0.0) for s in (y, original)]
    level = librosa.feature.rms(y=original, frame_length=4096, hop_length=1024)[0][: chroma[0].shape[1]]
    kept = [c[:, : len(level)][:, level > 0.03 * level.max()] for c in chroma]
    a, b = (c - c.mean(axis=0) for c in kept)
    return float(np.mean((a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0) + 1e-12)))


def envelope(folder, count=12):
    files = sorted(Path(folder).glob("*.wav"))[:count]
    return np.mean([average_spectrum(stft(levelled(mono(path))[None])) for path in files], axis=0)


def filtered(y, gain):
    y = levelled(y)
    return istft(apply_gain(stft(y[None]), gain), length=len(y))[0]


def compare(pairs, train, models):
    """Measure every method on a pair of folders; returns {method: (distance, harmony, seconds per second)}."""
    a_mean, b_mean = (envelope(folder) for folder in train)
    rows = {}
    for path in sorted(Path(pairs[0]).glob("*.wav")):
        x, truth = mono(path), mono(Path(pairs[1]) / path.name)
        count = min(len(x), len(truth))
        x, truth = x[:count], truth[:count]
        made = {
            "nothing": x,
            "envelope matching": filtered(x, envelope_gain(average_spectrum(stft(levelled(x)[None])), b_mean)),
            "fixed filter": filtered(x, envelope_gain(a_mean, b_mean)),
            "the truth itself": truth,
        }
        spent = dict.fromkeys(made, 0.0)
        for name, model in models.items():
            start = time.perf_counter()
            made[name] = model(x[None], RATE)[0]
            spent[name] = (time.perf_counter() - start) / (count / RATE)
        for name, y in made.items():
            rows.setdefault(name, []).append((distance(y, truth), harmony(y, x), spent[name]))
    return {name: np.mean(values, axis=0) for name, values in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--pairs", nargs=2, action="append", required=True)
    parser.add_argument("--train", nargs=2, required=True)
    parser.add_argument("--phase", default="input")
    parser.add_argument("--card", action="store_true")
    parser.add_argument("--style")
    parser.add_argument("--ensemble", nargs="+", type=float)
    options = parser.parse_args()
    if options.ensemble:
        level, *rest = options.ensemble
        players = [rest[k : k + 3] for k in range(0, len(rest), 3)]
        change_card(options.models[0], {"ensemble": {"level": level, "players": players}})
    models = {m: make_stylizer(stylize.bind({"model": m, "phase": options.phase}))[0] for m in options.models}
    held_out = []
    for pairs in options.pairs:
        rows = compare(pairs, options.train, models)
        print(f"\n{pairs[0]}\n\n| method | log-mel distance, dB | of the input's | chroma correlation | s per s |")
        print("|---|---|---|---|---|")
        for name, (d, h, s) in rows.items():
            print(f"| {Path(name).name} | {d:.2f} | {d / rows['nothing'][0]:.2f} | {h:.3f} | {s:.3f} |", flush=True)
        if options.models:
            held_out.append(summary(pairs[0], rows, options.models[0]))
    if options.card:
        labels = dict(zip(("from", "to"), options.style.split("-to-"), strict=True)) if options.style else {}
        quality = {"held_out": held_out[0], "others": held_out[1:]}
        change_card(options.models[0], ({"labels": labels} if labels else {}) | {"quality": quality})


def change_card(model, fields):
    """Write fields into a model's card."""
    path = Path(model) / "model.json"
    card = json.loads(path.read_text(encoding="utf-8")) | fields
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def summary(name, rows, model):
    nothing, made = rows["nothing"], rows[model]
    return {
        "set": "/".join(Path(name).parts[-2:]),
        "log_mel_distance_db": {"input": round(nothing[0], 2), "output": round(made[0], 2)},
        "log_mel_distance_ratio": round(made[0] / nothing[0], 3),
        "envelope_matching_ratio": round(rows["envelope matching"][0] / nothing[0], 3),
        "fixed_filter_ratio": round(rows["fixed filter"][0] / nothing[0], 3),
        "chroma_correlation": round(made[1], 3),
        "chroma_correlation_of_the_truth": round(rows["the truth itself"][1], 3),
    }


if __name__ == "__main__":
    main()
