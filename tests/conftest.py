"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_240)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the project."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference data (../shared) is not here")
    return folder


@pytest.fixture
def cli(tmp_path):
    """Run `audiokit ...` in a process of its own, in an empty folder.

    Returns a function (*arguments, stdin=bytes, status=0) -> CompletedProcess; the exit status is asserted.
    """

    def run(*arguments, stdin: bytes | None = None, status: int = 0, cwd=tmp_path, env=None, timeout=120):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default", **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "audiokit", *map(str, arguments)],
            input=stdin if stdin is not None else b"",
            capture_output=True,
            cwd=cwd,
            env=environment,
            timeout=timeout,
        )
        message = f"audiokit {' '.join(map(str, arguments))}: status {done.returncode}, not {status}\n"
        assert done.returncode == status, message + done.stderr.decode(errors="replace")
        if status != 1:
            assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        return done

    return run
