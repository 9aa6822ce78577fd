"""Shells complete commands, recipes and options, and the scripts that ask for it are valid in the shells at hand."""

import os
import shutil
import subprocess
import sys

import pytest


def ask(**variables):
    env = {**os.environ, "NO_COLOR": "1", **variables}
    return subprocess.run(
        [sys.executable, "-m", "audiokit"], env=env, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    ("shell", "variables", "wanted"),
    [
        ("bash", {"COMP_WORDS": "audiokit s", "COMP_CWORD": "1"}, ["split", "spectro", "stylize", "sing", "score"]),
        ("zsh", {"_TYPER_COMPLETE_ARGS": "audiokit morph --en"}, ["--engine"]),
        (
            "fish",
            {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_TYPER_COMPLETE_ARGS": "audiokit train d"},
            ["denoiser", "dcgan"],
        ),
    ],
)
def test_completion(shell, variables, wanted):
    answer = ask(_AUDIOKIT_COMPLETE=f"complete_{shell}", **variables)
    assert all(word in answer for word in wanted) and "normalize" not in answer
    script = ask(_AUDIOKIT_COMPLETE=f"source_{shell}")
    assert "_AUDIOKIT_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
