"""Commands with their shipped networks, each in a fresh process: ONNX Runtime runs them, PyTorch is not imported."""

import os
import subprocess
import sys

import numpy as np
import pytest

from audiokit.io.audio import write

COMMANDS = {
    "denoise": "denoise talk.wav -o out.wav --engine neural",
    "split": "split song.wav -o out/",
    "stylize": "stylize song.wav -o out.wav",
    "invert": "run 'spectro --preset melgan | invert' song.wav -o out.wav",
    "generate": "generate --pitch A4 --family string --seconds 1 -o out.wav",
    "generate --like": "generate --pitch C4 --like note.wav --seconds 1 --rate 16000 -o out.wav",
    "sing": "sing talk.wav --over song.wav --engine gan -o out.wav",
    "sing --reverse": "sing talk.wav --reverse -o out.wav",
    "a chain": "run 'split --stem vocals | denoise --engine neural | normalize --to -20' song.wav -o out.wav",
}
CODE = """
import sys
from audiokit.cli import main
try:
    main()
except SystemExit as error:
    assert not error.code, error.code
heavy = {"torch", "scipy.signal", "scipy.ndimage"} & set(sys.modules)
assert not heavy, heavy
assert "onnxruntime" in sys.modules
"""


def run(folder, command, **environment):
    import shlex

    return subprocess.run(
        [sys.executable, "-c", CODE, *shlex.split(command)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "AUDIOKIT_RUNTIME": "", **environment},
    )


@pytest.fixture
def folder(tmp_path, rng):
    write(tmp_path / "talk.wav", 0.1 * rng.standard_normal((1, 16_000)).astype(np.float32), 16_000)
    write(tmp_path / "song.wav", 0.1 * rng.standard_normal((2, 30_000)).astype(np.float32), 44_100)
    note = 0.3 * np.sin(2 * np.pi * 220 * np.arange(16_000, dtype=np.float32) / 16_000)
    write(tmp_path / "note.wav", note[None], 16_000)
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_shipped_networks_need_no_torch(name, folder):
    done = run(folder, COMMANDS[name])
    assert done.returncode == 0, done.stderr
    assert list(folder.glob("out*"))


def test_the_environment_brings_torch_back(folder):
    done = run(folder, COMMANDS["denoise"], AUDIOKIT_RUNTIME="torch")
    assert done.returncode == 1 and "AssertionError: {'torch'" in done.stderr


@pytest.mark.parametrize("command", ["denoise", "a chain"])
def test_onnx_runtime_reports_to_nobody(command, folder):
    """Versions of it that would keep what they are to report in the user's cache, and a thread that sends it."""
    home = folder / "home"
    done = run(folder, COMMANDS[command], HOME=str(home), XDG_CACHE_HOME="")
    assert done.returncode == 0, done.stderr
    assert not [path for path in home.rglob("*") if "onnxruntime" in str(path) or "Microsoft" in str(path)]
