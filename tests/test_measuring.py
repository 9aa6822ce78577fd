"""What measures commands for the benchmarks."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from audiokit.io.audio import read, write
from tests.bench import excerpts, measure


def test_commands_run_in_the_surroundings_of_the_moment(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "_compile", lambda: None)
    line = "import os, pathlib; pathlib.Path('o').write_text(os.environ['AUDIOKIT_RUNTIME'])"
    for runtime in ("onnx", "torch"):
        monkeypatch.setenv("AUDIOKIT_RUNTIME", runtime)
        made = measure.measure([sys.executable, "-c", line], cwd=tmp_path)
        assert (tmp_path / "o").read_text() == runtime
        assert made.peak_mb > 1 and made.processor > 0


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="reads any file of a repository with ffmpeg")
def test_excerpts_are_cut_out_of_the_commit_that_the_table_names(monkeypatch, tmp_path, rng, capsys):
    clone, out, rate = tmp_path / "clones" / "some+songs", tmp_path / "out", excerpts.RATE
    parts = {"voice": 0.2, "a bass": 0.1, "drums": 0.05}
    heard = {name: rng.uniform(-peak, peak, (2, 2 * rate)).astype(np.float32) for name, peak in parts.items()}

    def commit() -> str:
        git = [
            "git",
            "-C",
            str(clone),
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.example",
            "-c",
            "commit.gpgsign=false",
        ]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "songs"]):
            subprocess.run([*git, *command], check=True)
        return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    (clone / "one").mkdir(parents=True)
    for name, y in heard.items():
        write(clone / "one" / f"{name}.wav", y, rate, subtype="FLOAT")
    first = commit()
    write(clone / "one" / "voice.wav", np.zeros((2, 100), np.float32), rate, force=True)
    assert commit() != first
    table = tmp_path / "table.tsv"
    rows = (
        ("set", "excerpt", "repository", "commit", "start", "seconds", "folder", "vocals", "others"),
        ("acts", "one", "some/songs", first, "0.5", "1", "one", "voice.wav", "a bass.wav|drums.wav"),
        ("acts", "two", "not/there", first, "0", "1", "one", "voice.wav", "drums.wav"),
    )
    table.write_text("\n".join("\t".join(row) for row in rows))
    monkeypatch.setattr(excerpts, "TABLE", table)
    monkeypatch.setattr(sys, "argv", ["excerpts", str(clone.parent), str(out)])
    excerpts.main()
    told = capsys.readouterr().out
    assert "acts/two: no" in told and told.splitlines()[0] == "acts/one"
    cut = {name: y[:, rate // 2 : rate // 2 + rate] for name, y in heard.items()}
    scale = excerpts.PEAK / np.abs(sum(cut.values())).max()
    for file, name in (("vocals", "voice"), ("accompaniment", "a bass"), ("drums", "drums")):
        np.testing.assert_allclose(read(out / "acts" / "one" / f"{file}.flac")[0], scale * cut[name], atol=1e-6)
