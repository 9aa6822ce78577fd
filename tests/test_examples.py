"""Every example runs, from another folder, with nothing but the installed program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/run.sh"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name, tmp_path):
    path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "DEMO_SECONDS": "12"}
    done = subprocess.run(
        ["bash", ROOT / "examples" / name / "run.sh", tmp_path / "work"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    # os.walk passes over folders that workers, which are still ending, take away meanwhile.
    files = [Path(folder, name) for folder, _, names in os.walk(tmp_path / "work") for name in names]
    made = [path for path in files if path.is_file() and path.stat().st_size > 0]
    assert made, "the example made nothing"
