"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.processes import Nursery

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


def _environment() -> dict[str, str]:
    """What every process of audiokit that a test starts finds; the name of the test is no part of it."""
    own = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    return {**own, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}


@pytest.fixture(scope="session")
def nursery():
    """Make processes for `cli`, which share what importing NumPy and the like costs."""
    nursery = Nursery(_environment())
    yield nursery
    nursery.end()


@pytest.fixture
def cli(tmp_path, nursery):
    """Run `audiokit ...` in a process of its own, in an empty folder.

    Returns a function (*arguments, stdin=bytes, status=0) -> CompletedProcess; the exit status is asserted. Where the
    environment is another one (`env`, or what the test set), the process has an interpreter of its own, too.
    """

    def run(*arguments, stdin: bytes | None = None, status: int = 0, cwd=tmp_path, env=None, timeout=120):
        words = [*map(str, arguments)]
        command = [sys.executable, "-m", "audiokit", *words]
        environment = {**_environment(), **(env or {})}
        if environment == nursery.environment:
            said = nursery.run(words, cwd=cwd, stdin=stdin or b"", timeout=timeout)
            done = subprocess.CompletedProcess(command, *said)
        else:
            done = subprocess.run(
                command, input=stdin or b"", capture_output=True, cwd=cwd, env=environment, timeout=timeout
            )
        message = f"audiokit {' '.join(words)}: status {done.returncode}, not {status}\n"
        assert done.returncode == status, message + done.stderr.decode(errors="replace")
        if status != 1:
            assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        return done

    return run
