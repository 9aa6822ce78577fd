"""The built wheel alone, in an empty environment, from another folder: every command runs, default weights inside."""

import os
import subprocess
import sys
import venv
import zipfile

import pytest

from audiokit.cli import COMMANDS
from audiokit.stages.train.group import train
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel once."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_the_code_and_the_weights_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {path.parent.name for path in (ROOT / "audiokit/weights").glob("*/model.json")}
    for name in shipped:
        assert f"audiokit/weights/{name}/weights.safetensors" in names
        assert f"audiokit/weights/{name}/network.onnx" in names
    assert all(name.startswith(("audiokit/", "audiokit-")) for name in names)
    assert "audiokit/py.typed" in names and "audiokit/listen/page.html" in names


@pytest.mark.slow
def test_installed_wheel_runs_every_command_from_another_folder(wheel, tmp_path):
    """The environment holds the wheel; its dependencies come from this one through a .pth file."""
    env_folder = tmp_path / "env"
    venv.create(env_folder, with_pip=False)
    site = next(env_folder.glob("lib/python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    libraries = next(path for path in map(str, sys.path) if path.endswith("site-packages"))
    # The editable install of this repository is a .pth file there; a path entry does not run it.
    (site / "dependencies.pth").write_text(libraries + "\n")
    python = env_folder / "bin/python"
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"OMP_NUM_THREADS": "1"}

    def run(*arguments):
        done = subprocess.run(
            [python, "-m", "audiokit", *arguments], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    code = f"import audiokit; assert {str(site)!r} in audiokit.__file__"
    subprocess.run([python, "-c", code], cwd=tmp_path, env=env, check=True)
    for name in COMMANDS:
        run(name, "--help")
    for name in train.table:
        run("train", name, "--help")
    maker = subprocess.run(
        [python, ROOT / "examples/songs/make_songs.py", "made", "--seconds", "4"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
    )
    assert maker.returncode == 0, maker.stderr
    song = "made/pop/mixture.wav"
    run("spectro", song, "-o", "s.chunks")
    run("invert", "s.chunks", "-o", "back.wav")
    run("stylize", song, "-o", "styled.wav")
    run("normalize", "styled.wav", "-o", "loud.wav")
    run("mix", "loud.wav", song, "-o", "mix.wav")
    run("info", "mix.wav", "--check")
    if "split" in COMMANDS:
        run("split", song, "-o", "stems/")
    if "denoise" in COMMANDS:
        run("denoise", song, "-o", "clean.wav")
    if "generate" in COMMANDS:
        run("generate", "--pitch", "C4", "--seconds", "1", "-o", "note.wav")
    if "sing" in COMMANDS:
        run("sing", "made/trio/vocals.wav", "--over", "made/pop/keys.wav", "--fit", "trim", "-o", "sung.wav")
    run("page", "made", "-o", "page.html")
