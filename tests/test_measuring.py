"""What measures commands for the benchmarks."""

import sys

from tests.bench import measure


def test_commands_run_in_the_surroundings_of_the_moment(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "_compile", lambda: None)
    line = "import os, pathlib; pathlib.Path('o').write_text(os.environ['AUDIOKIT_RUNTIME'])"
    for runtime in ("onnx", "torch"):
        monkeypatch.setenv("AUDIOKIT_RUNTIME", runtime)
        made = measure.measure([sys.executable, "-c", line], cwd=tmp_path)
        assert (tmp_path / "o").read_text() == runtime
        assert made.peak_mb > 1 and made.processor > 0
