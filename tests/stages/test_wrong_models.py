"""A model that cannot be used is an error of every command that takes one, whether or not it would have been asked."""

import json

import numpy as np
import pytest

from audiokit.io.audio import write


@pytest.mark.parametrize(
    "line",
    [
        "split song.wav -o out.wav --stem vocals --model {}",
        "stylize song.wav -o out.wav --model {}",
        "denoise song.wav -o out.wav --model {} --content music",
        "denoise song.wav -o out.wav --model {} --engine neural",
        "invert set.chunks -o out.wav --model {}",
        "invert set.chunks -o out.wav --vocoder {}",
        "generate -o out.wav --model {}",
        "morph song.wav song.wav -o out.wav --engine latent --model {}",
        "sing song.wav --over song.wav -o out.wav --engine gan --model {}",
    ],
)
@pytest.mark.parametrize("kind", ["other", "damaged"])
def test_an_unusable_model_is_named(cli, tmp_path, line, kind):
    name = {"other": "piano-to-vibraphone" if "stylize" not in line else "denoiser"}.get(kind, kind)
    write(tmp_path / "song.wav", np.full((1, 8000), 0.25, np.float32), 16_000)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/model.json").write_text(json.dumps({"format": "audiokit.model", "version": 1}))
    if "invert" in line:
        cli("spectro", "song.wav", "-o", "set.chunks", "--kind", "magnitude", "--n-fft", "512")
    done = cli(*line.format(name).split(), status=5)
    said = done.stderr.decode().splitlines()[0]
    assert said.startswith(f"audiokit: {name}") and "audiokit/weights" not in said
    assert not (tmp_path / "out.wav").exists()


def test_a_mel_inverter_has_nothing_to_do_with_magnitudes(cli, tmp_path):
    write(tmp_path / "song.wav", np.full((1, 8000), 0.25, np.float32), 16_000)
    for kind in ("magnitude", "stft"):
        cli("spectro", "song.wav", "-o", f"{kind}.chunks", "--kind", kind)
        done = cli("invert", f"{kind}.chunks", "-o", "out.wav", "--model", "mel2linear-80", status=5)
        assert b"turns mel bands into linear bins, but this is a spectrum of kind" in done.stderr
