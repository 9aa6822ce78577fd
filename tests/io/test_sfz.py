"""A kit covers every key and every velocity exactly once."""

from __future__ import annotations

import re

import pytest

from audiokit.errors import InputError, ParameterError
from audiokit.io.sfz import Sample, format_sfz, write_sfz


def regions(text):
    return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in text.splitlines() if line.startswith("<region>")]


def test_every_key_and_velocity_is_covered_once():
    samples = [Sample(f"{p}-{v}.wav", p, v) for p in (36, 40, 47, 60) for v in (40, 80, 120)]
    found = regions(format_sfz(samples))
    assert len(found) == len(samples)
    for key in range(128):
        for velocity in range(1, 128):
            here = [
                r
                for r in found
                if int(r["lokey"]) <= key <= int(r["hikey"]) and int(r["lovel"]) <= velocity <= int(r["hivel"])
            ]
            assert len(here) == 1
    centres = {int(r["pitch_keycenter"]): (int(r["lokey"]), int(r["hikey"])) for r in found}
    assert all(low <= key <= high for key, (low, high) in centres.items())


def test_nothing_and_duplicates_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="at least one"):
        format_sfz([])
    with pytest.raises(ParameterError, match="same velocity"):
        format_sfz([Sample("a.wav", 60, 100), Sample("b.wav", 60, 100)])
    write_sfz(tmp_path / "a.sfz", [Sample("a.wav", 60, 100)])
    with pytest.raises(InputError, match="exists"):
        write_sfz(tmp_path / "a.sfz", [Sample("a.wav", 60, 100)])
