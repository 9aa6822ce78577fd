"""One array of many chunks: the same bytes whether they fit in memory or wait in a temporary file."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from audiokit.io import one_array
from audiokit.io.chunkset import Head, create_chunks, open_chunks


@pytest.mark.parametrize("kind", [np.complex64, np.float32])
def test_parts_in_a_file_are_joined_as_those_in_memory(tmp_path, rng, monkeypatch, kind):
    whole = rng.standard_normal((2, 17, 95)).astype(np.float32).astype(kind)
    written = {}
    for name, limit in (("held", 1 << 26), ("spilled", 500)):
        monkeypatch.setattr(one_array, "_IN_MEMORY", limit)
        head = Head(kind="spectrum", rate=8000, channels=2, length=None, dtype=str(whole.dtype), chunk=20, hop=15)
        with create_chunks(tmp_path / f"{name}.npy", head) as writer:
            for start in range(0, 80, 15):  # chunks overlap, and the last is short
                writer.write(whole[..., start : start + 20], start, min(start + 20, 95))
        written[name] = (tmp_path / f"{name}.npy").read_bytes()
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), whole)
        item = json.loads((tmp_path / f"{name}.json").read_text())["items"][0]
        assert item["sha256"] == hashlib.sha256(written[name]).hexdigest() and item["shape"] == [2, 17, 95]
        assert [values.shape for _, values in open_chunks(tmp_path / f"{name}.npy")] == [(2, 17, 95)]
    assert written["held"] == written["spilled"]
