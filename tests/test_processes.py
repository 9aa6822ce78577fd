"""The processes that tests use are what a shell would start."""

import subprocess

import pytest


def test_children_are_processes_of_their_own(nursery, tmp_path):
    first = nursery.run(["info", "no.wav"], cwd=tmp_path, stdin=b"", timeout=60)
    assert (
        first[0] == 3
        and b"no.wav" in first[2]
        and nursery.run(["info", "no.wav"], cwd=tmp_path, stdin=b"", timeout=60) == first
    )
    (tmp_path / "no.wav").write_text("it is there now")
    assert b"not audio" in nursery.run(["info", "no.wav"], cwd=tmp_path, stdin=b"", timeout=60)[2]


def test_one_that_takes_too_long_is_killed_and_the_next_is_well(nursery, tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        nursery.run(["info", "-"], cwd=tmp_path, stdin=b"", timeout=0.001)
    assert nursery.run(["--version"], cwd=tmp_path, stdin=b"", timeout=60)[1].startswith(b"audiokit ")


def test_the_environment_of_a_test_is_that_of_its_processes(cli, monkeypatch):
    monkeypatch.setenv("AUDIOKIT_CONFIG", "no-such.toml")
    assert b"no-such.toml" in cli("info", "x.wav", status=2).stderr
