"""Inputs and outputs through fsspec: in memory and through file:// URLs, whole or not at all."""

import numpy as np
import pytest

from audiokit.errors import BatchError, InputError
from audiokit.io import audio
from tests import signals
from tests.engine.test_batch import run

fsspec = pytest.importorskip("fsspec", reason="the remote extra is not installed")


@pytest.fixture
def memory(tmp_path, rng):
    """A memory file system with memory://songs/{a,inner/b}.wav."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    for name in ("a.wav", "inner/b.wav"):
        audio.write(tmp_path / "x.wav", signals.noise(rng, 0.05), 22_050, force=True)
        system.pipe(f"/songs/{name}", (tmp_path / "x.wav").read_bytes())
    yield system
    system.store.clear()


def test_folder_to_folder_in_memory(memory, tmp_path):
    assert len(run(["memory://songs"], "memory://out/")) == 2
    assert sorted(memory.find("/out")) == ["/out/a.wav", "/out/inner/b.wav"]
    memory.get_file("/songs/inner/b.wav", str(tmp_path / "in.wav"))
    memory.get_file("/out/inner/b.wav", str(tmp_path / "out.wav"))
    before, after = audio.read(tmp_path / "in.wav")[0], audio.read(tmp_path / "out.wav")[0]
    np.testing.assert_array_equal(after, before / 2)
    with pytest.raises(InputError, match="exists already"):
        run(["memory://songs"], "memory://out/")
    assert run(["memory://songs"], "memory://out/", skip_existing=True) == []
    assert len(run(["memory://songs"], "memory://out/", force=True)) == 2


def test_remote_to_local_and_back(memory, tmp_path):
    run(["memory://songs/a.wav"], tmp_path / "a.wav")
    run([tmp_path / "a.wav"], "memory://back/a.flac")
    assert memory.exists("/back/a.flac")
    run([f"file://{tmp_path}/a.wav"], f"file://{tmp_path}/b.wav")
    assert audio.info(tmp_path / "b.wav").length == audio.info(tmp_path / "a.wav").length


def test_faults(memory, tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        run(["memory://nowhere"], tmp_path / "out/")
    with pytest.raises(InputError, match="cannot be reached"):
        run(["nosuchsystem://x/a.wav"], tmp_path / "out/")
    memory.pipe("/songs/bad.wav", b"words")
    with pytest.raises(BatchError, match="1 of 3"):
        run(["memory://songs"], "memory://out2/")
    assert len(memory.find("/out2")) == 2
