"""Stages of other packages: from built wheels in an empty environment; a broken one breaks nothing else."""

import os
import subprocess
import sys
import venv
import zipfile

import numpy as np
import pytest
import soundfile as sf

from tests.conftest import ROOT
from tests.signals import noise


def _wheel(source, folder):
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", folder, source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return max(folder.glob("*.whl"), key=os.path.getmtime)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment that holds both wheels; what they depend on comes from this one."""
    folder = tmp_path_factory.mktemp("plugin")
    venv.create(folder / "env", with_pip=False)
    site = next((folder / "env").glob("lib/python3*/site-packages"))
    for source in (ROOT, ROOT / "examples/plugin"):
        with zipfile.ZipFile(_wheel(source, folder)) as archive:
            archive.extractall(site)
    libraries = next(path for path in map(str, sys.path) if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(libraries + "\n")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"OMP_NUM_THREADS": "1"}

    def run(*arguments, cwd, stdin=b"", status=0):
        command = [folder / "env/bin/python", "-m", "audiokit", *arguments]
        done = subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True)
        assert done.returncode == status, done.stderr.decode()
        assert b"Traceback" not in done.stderr
        return done

    run.site = site
    run.python = lambda code, cwd: (
        subprocess.run(
            [folder / "env/bin/python", "-c", code], cwd=cwd, env=env, check=True, capture_output=True, text=True
        ).stdout
    )
    return run


@pytest.mark.slow
def test_a_plugin_is_a_stage_like_ours(installed, tmp_path, rng):
    (tmp_path / "in").mkdir()
    for name in ("a", "b", "c"):
        sf.write(tmp_path / f"in/{name}.wav", noise(rng, 1, 8000)[0], 8000, subtype="FLOAT")
    assert "bitcrush" in installed("--help", cwd=tmp_path).stdout.decode()
    assert b"Crush audio" in installed("bitcrush", "--help", cwd=tmp_path).stdout
    installed("bitcrush", "in/a.wav", "-o", "a.wav", "--bits", "3", "--hold", "4", cwd=tmp_path)
    y, _ = sf.read(tmp_path / "a.wav")
    assert set(np.unique(y * 4)) <= set(range(-4, 5)) and (y[:8].reshape(2, 4) == y[:8:4, None]).all()
    first = installed("bitcrush", "-", "-o", "-", stdin=(tmp_path / "in/a.wav").read_bytes(), cwd=tmp_path)
    installed("normalize", "-", "-o", "piped.wav", "--to", "-20", stdin=first.stdout, cwd=tmp_path)
    history = installed("info", "piped.wav", "--json", cwd=tmp_path).stdout
    assert b'"bitcrush"' in history and b'"normalize"' in history
    installed("bitcrush", "in", "-o", "out/", "--jobs", "2", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.wav", "b.wav", "c.wav"]
    said = installed("bitcrush", "in/a.wav", "-o", "x.wav", "--bits", "99", cwd=tmp_path, status=2).stderr
    assert b"--bits" in said
    code = "from audiokit_bitcrush import bitcrush; print(bitcrush('in/a.wav', bits=3).samples.shape)"
    assert installed.python(code, tmp_path).strip() == "(1, 8000)"


@pytest.mark.slow
def test_a_broken_plugin_is_named_in_one_line_and_breaks_nothing_else(installed, tmp_path, rng):
    folder = installed.site / "broken_thing-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_text("[audiokit.stages]\nshatter = broken_thing:shatter\n")
    (installed.site / "broken_thing.py").write_text("import a_module_that_is_not_there\n")
    listing = installed("--help", cwd=tmp_path).stdout.decode()
    assert "bitcrush" in listing
    assert sum("shatter" in line for line in listing.splitlines()) == 1 and "cannot be" in listing
    said = installed("shatter", "x.wav", cwd=tmp_path, status=2).stderr.decode()
    assert said.startswith("audiokit: shatter: the plugin broken_thing cannot be loaded") and "pip uninstall" in said
    sf.write(tmp_path / "x.wav", noise(rng, 1, 8000)[0], 8000)
    installed("normalize", "x.wav", "-o", "y.wav", cwd=tmp_path)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("shatter = print", "TypeError: broken_thing:shatter is no stage"),
        ("def shatter(:", "SyntaxError"),
        ("", "has no attribute 'shatter'"),
    ],
    ids=["leaves", "no stage", "no Python", "nothing"],
)
def test_whatever_is_wrong_with_a_plugin_is_said(cli, tmp_path, code, reason):
    (tmp_path / "broken_thing-1.0.dist-info").mkdir()
    text = "[audiokit.stages]\nshatter = broken_thing:shatter\n"
    (tmp_path / "broken_thing-1.0.dist-info/entry_points.txt").write_text(text)
    (tmp_path / "broken_thing.py").write_text(code)
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), str(ROOT)])}
    listing = cli("--help", env=path).stdout
    assert b"cannot be loaded" in b" ".join(listing.split()) and b"normalize" in listing
    said = cli("shatter", "x.wav", status=2, env=path).stderr.decode()
    assert "the plugin broken_thing cannot be loaded" in said and reason in said and len(said.splitlines()) == 2
