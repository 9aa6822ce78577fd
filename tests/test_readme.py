"""The README cannot lie: generated parts are up to date, and every shell and Python block runs."""

import os
import re
import subprocess
import sys

import pytest

from audiokit.cli import COMMANDS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def test_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, "run: make readme\n" + done.stdout[-3000:] + done.stderr


def test_every_command_has_a_section():
    for name in COMMANDS:
        assert re.search(rf"^### {name}$", README, re.M), f"README lacks a section on {name}"


def test_every_command_has_an_example():
    for name in COMMANDS:
        assert (ROOT / "examples" / name).is_dir(), f"examples/{name} is missing"


@pytest.fixture
def workbench(made_once, tmp_path):
    """A folder of its own for every block, so that blocks neither need nor disturb each other."""
    import shutil

    return shutil.copytree(made_once, tmp_path / "work")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A folder with the files that the README speaks of: song.wav, other.wav, speech.wav, songs/."""
    folder = tmp_path_factory.mktemp("readme")
    maker = ROOT / "examples/songs/make_songs.py"
    subprocess.run([sys.executable, maker, folder / "made", "--seconds", "9"], check=True)
    (folder / "songs").mkdir()
    for name, source in (
        ("song.wav", "pop/mixture.wav"),
        ("other.wav", "trio/mixture.wav"),
        ("voice.wav", "pop/vocals.wav"),
    ):
        (folder / name).write_bytes((folder / "made" / source).read_bytes())
    for name in ("one.wav", "two.wav"):
        (folder / "songs" / name).write_bytes((folder / "made/pop/keys.wav").read_bytes())
    return folder


def _blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)
    return [pytest.param(block, id=f"{language}-{index}") for index, block in enumerate(found)]


@pytest.mark.parametrize("block", _blocks("sh"))
def test_shell_blocks_run(workbench, block):
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=workbench, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.mark.parametrize("block", _blocks("python"))
def test_python_blocks_run(workbench, block):
    done = subprocess.run([sys.executable, "-c", block], cwd=workbench, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{block}\n{done.stderr}"
