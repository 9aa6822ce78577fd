"""The judge of the bench of styles."""

from __future__ import annotations

import numpy as np

from audiokit import write
from tests.bench import stylize_judge


def test_a_judge_knows_what_it_was_taught_and_what_it_was_not(tmp_path, rng):
    t = np.arange(stylize_judge.WINDOW) / stylize_judge.RATE

    def sound(kind, hz):
        y = rng.normal(0, 0.1, len(t)) if kind == "jazz" else 0.1 * np.sign(np.sin(2 * np.pi * hz * t))
        return (y * (1.2 + np.sin(2 * np.pi * t))).astype(np.float32)

    for number in range(stylize_judge.SETS):
        for kind in stylize_judge.KINDS:
            write(tmp_path / str(number) / kind / "a.wav", sound(kind, 200 + 40 * number)[None], stylize_judge.RATE)
    judge = stylize_judge.Judge(tmp_path)
    assert (judge.heard(sound("pop", 260), "pop", "jazz") == 0).all()
    assert (judge.heard(sound("jazz", 0), "pop", "jazz") == 1).all()
    right = judge.right("pop", "jazz")
    assert right.shape == (len(stylize_judge.MEMBERS), 2)
    assert right.mean() == 1
    # What is not one of the two is nothing that it could tell.
    assert 0 < judge.right("organ", "strings").mean() < 0.9
