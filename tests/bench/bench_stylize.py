"""Compare styles with doing nothing and with plain filters, on pairs that no model has seen.

    python -m tests.bench.stylize_judge WORK/judge
    python -m tests.bench.bench_stylize WORK [STYLE=MODEL ...]

WORK is what `make OUT=WORK STYLE=...` in examples/train-style made, a folder per style, and the recordings of the judge
of all styles. The shipped model of each style is measured, and further ones (`pop-to-jazz=runs/jazz`) beside it. Writes
tests/bench/results/stylize.md.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import librosa
import mir_eval
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "examples/train-style"))

from measure import RATE, distance, envelope, filtered, levelled, mono  # noqa: E402 - found by the line above

from audiokit.dsp.effects.ensemble import EnsembleStream  # noqa: E402
from audiokit.dsp.spectrum.metrics import log_spectral_distance  # noqa: E402
from audiokit.dsp.spectrum.stft import stft  # noqa: E402
from audiokit.dsp.spectrum.style import average_spectrum, envelope_gain  # noqa: E402
from audiokit.models.folder.checkpoint import shipped  # noqa: E402
from audiokit.stages.stylize.stage import make_stylizer, stylize  # noqa: E402
from tests.bench.stylize_judge import MEMBERS, Judge  # noqa: E402

SETS = {"the soundfont of the training": "pieces", "a soundfont that no model was trained on": "pieces-other"}
HEADER = "method|log-mel dB|of doing nothing|LSD dB|style|chroma|onsets|seam dB|trained"


def chroma_cosine(y, x):
    """Cosine of the chroma of two sounds, frame by frame, where the second sounds."""
    a, b = (librosa.feature.chroma_stft(y=s, sr=RATE, n_fft=4096, hop_length=1024, tuning=0.0) for s in (y, x))
    level = librosa.feature.rms(y=x, frame_length=4096, hop_length=1024)[0][: a.shape[1]]
    a, b = (c[:, : len(level)][:, level > 0.03 * level.max()] for c in (a, b))
    return float(np.mean((a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0) + 1e-12)))


def onset_f(y, x):
    """F of the onsets that librosa finds in both within 50 ms."""
    found, wanted = (librosa.onset.onset_detect(y=s, sr=RATE, units="time") for s in (y, x))
    return float(mir_eval.onset.f_measure(wanted, found, window=0.05)[0])


def seam(coarse, dense, frontend):
    """Largest mean level difference in dB at one place of the window, against the model with 4 times the windows."""
    hop, step = frontend.transform.hop, frontend.frames // 2
    levels = [
        np.sqrt(librosa.feature.rms(y=s, frame_length=2048, hop_length=hop)[0] ** 2 + 1e-10) for s in (coarse, dense)
    ]
    change = 20 * np.log10(levels[0] / levels[1])
    change = change[: len(change) // step * step].reshape(-1, step)
    places = change.reshape(len(change), 8, -1).mean(axis=(0, 2))
    return float(np.abs(places - places.mean()).max())


def compare(folder, train, models, heard):
    """Measure every method on pairs: {method: means}, {method: shares by member}, seconds per second of each model."""
    a_mean, b_mean = (envelope(side) for side in train)
    rows, shares, spent = {}, {}, {}
    for number, path in enumerate(sorted((folder / "a").glob("*.wav"))):
        x, truth = mono(path), mono(folder / "b" / path.name)
        count = min(len(x), len(truth))
        x, truth = x[:count], truth[:count]
        made = {
            "doing nothing": (x, None),
            "envelope matching": (filtered(x, envelope_gain(average_spectrum(stft(levelled(x)[None])), b_mean)), None),
            "fixed filter": (filtered(x, envelope_gain(a_mean, b_mean)), None),
            "the truth itself": (truth, None),
        }
        if players := next((model.ensemble for model, _ in models.values() if model.ensemble), None):
            matched = made["envelope matching"][0]
            made["envelope matching, ensemble"] = (EnsembleStream(players, RATE, 1).push(matched[None])[0], None)
        for name, (model, dense) in models.items():
            start = time.process_time()
            made[name] = (model(x[None], RATE)[0], None)
            spent.setdefault(name, []).append((time.process_time() - start) / (count / RATE))
            if number == 0:
                made[name] = (made[name][0], seam(made[name][0], dense(x[None], RATE)[0], model.frontend))
        for name, (y, edge) in made.items():
            lsd = log_spectral_distance(levelled(truth)[None], levelled(y)[None])
            shares.setdefault(name, []).append(heard(y))
            values = (distance(y, truth), lsd, chroma_cosine(y, x), onset_f(y, x))
            rows.setdefault(name, []).append((*values, np.nan if edge is None else edge))
    means = {name: np.nanmean(v, axis=0) if name in models else np.mean(v, axis=0) for name, v in rows.items()}
    return means, {name: np.mean(v, axis=0) for name, v in shares.items()}, spent


def share(told):
    """Mean of the members' shares, and the least and the most."""
    return f"{told.mean():.0%} ({100 * told.min():.0f} to {100 * told.max():.0f})"


def effort(card):
    """Training minutes and steps as the model card states them."""
    training = card.get("training", {})
    minutes = training.get("minutes", training.get("minutes_on_one_shared_core"))
    return "" if minutes is None else f"{minutes:.0f} min, {training['steps']} steps"


def tables(style, work, given, judge):
    """Measure one style: the shipped model if there is one, and those that are given."""
    train = (work / "train/a", work / "train/b")
    models, cards, pace = {}, {}, {}
    for spec in [*([style] if style in shipped() else []), *given]:
        name = Path(spec).name if spec == style else spec
        model, cards[name] = make_stylizer(stylize.bind({"model": spec}))
        models[name] = (model, replace(model, overlap=7 / 8))
    for label, name in SETS.items():
        if not (work / name / "a").exists():
            continue
        rows, shares, spent = compare(work / name, train, models, lambda y: judge.heard(y, *style.split("-to-")))
        pace |= spent
        yield f"{style}: {label}, {len(list((work / name / 'a').glob('*.wav')))} pieces"
        lines = [f"| {' | '.join(HEADER.split('|'))} |", "|---" * 9 + "|"]
        for method, (mel, lsd, chroma, onsets, edge) in rows.items():
            cells = [method, f"{mel:.1f}", f"{mel / rows['doing nothing'][0]:.2f}", f"{lsd:.1f}", share(shares[method])]
            cells += [f"{chroma:.2f}", f"{onsets:.2f}", "" if np.isnan(edge) else f"{edge:.2f}"]
            lines.append(f"| {' | '.join([*cells, effort(cards.get(method, {}))])} |")
        yield "\n".join(lines)
    knows = judge.right(*style.split("-to-")).T
    yield (
        f"The judge knows {share(knows[0])} of true windows of {style.split('-to-')[0]} that it was not taught,"
        f" {share(knows[1])} of {style.split('-to-')[1]}."
    )
    if pace:
        yield "Processor seconds per second of sound: " + ", ".join(f"{n} {np.median(v):.3f}" for n, v in pace.items())


def main():
    work, given = Path(sys.argv[1]), [spec.split("=", 1) for spec in sys.argv[2:]]
    parts, judge = [], Judge(work / "judge")
    for folder in sorted(path for path in work.iterdir() if (path / "pieces/a").is_dir()):
        parts += tables(folder.name, folder, [model for style, model in given if style == folder.name], judge)
    parts.append(
        "Log-mel and log-spectral distance to the true rendering (less is better), windows of 3 s that the judge takes"
        " for the style rather than for what it was made from, chroma cosine and onset F with the input, and how much"
        " the level follows the windows that the model works in. Pieces that were not used in training. Where a style"
        " adds an ensemble, envelope matching has it too, for comparison. The judge is"
        f" the same for all styles: {len(MEMBERS)} classifiers (tests/bench/stylize_judge.py), each taught by other"
        " sets of pieces on four soundfonts, none of which the styles learnt from or are measured on; the mean of their"
        " shares, and the least and the most."
    )
    text = "\n\n".join(parts) + "\n"
    print(text)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/stylize.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
