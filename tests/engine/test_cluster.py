"""A real Dask scheduler and two real workers on loopback: equal results, a killed worker, clear errors."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from audiokit.errors import InputError, UsageError
from audiokit.io import audio
from tests import signals
from tests.engine.test_batch import _bytes, run

pytest.importorskip("distributed", reason="the cluster extra is not installed")
QUIET = ["--no-dashboard"]


def _start(arguments, log, **environment):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s", **environment}
    command = [sys.executable, "-m", "dask", *arguments]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)


def _wait_for(log, pattern, count=1, seconds=60):
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = re.findall(pattern, log.read_text())
        if len(found) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {pattern!r} in:\n{log.read_text()}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a scheduler and two workers of one thread each; yields (address, worker processes)."""
    folder = tmp_path_factory.mktemp("cluster")
    log = folder / "log"
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    with open(log, "wb", buffering=0) as file:
        scheduler = _start(["scheduler", "--host", "127.0.0.1", "--port", "0", *QUIET], file)
        workers = []
        try:
            address = _wait_for(log, r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")[0]
            for _ in range(2):
                options = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--local-directory", str(folder)]
                workers.append(_start(["worker", address, *options, *QUIET], file, PYTHONPATH=root))
            _wait_for(log, r"Registered to:\s+tcp", 2)
            yield address, workers
        finally:
            for process in [*workers, scheduler]:
                process.kill()
                process.wait()


@pytest.fixture
def many(tmp_path, rng):
    folder = tmp_path / "many"
    for index in range(12):
        audio.write(folder / f"{index:02d}.wav", signals.noise(rng, 0.05), 22_050)
    return folder


def slow(job):
    """The test task, slowed down so that a worker can be killed in the middle."""
    from tests.engine.test_batch import halve

    time.sleep(0.3)
    return halve(job, noise=0.1)


def test_equal_to_local_then_survives_a_killed_worker(cluster, many, tmp_path):
    address, workers = cluster
    run([many], tmp_path / "local", slow)
    run([many], tmp_path / "remote", slow, cluster=address)
    assert _bytes(tmp_path / "local") == _bytes(tmp_path / "remote")

    (many / "bad.wav").write_text("no audio")
    import threading

    killer = threading.Timer(1.0, lambda: os.kill(workers[0].pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(Exception, match=r"1 of 13 files failed(.|\n)*bad\.wav: not audio"):
        run([many], tmp_path / "again", slow, cluster=address)
    killer.join()
    assert workers[0].wait(10) == -signal.SIGKILL
    assert _bytes(tmp_path / "again") == _bytes(tmp_path / "local")
    leftovers = list((tmp_path / "again").rglob(".audiokit-*"))
    assert len(leftovers) <= 1  # at most what the killed worker was writing, under a hidden name


def test_nobody_answers(many, tmp_path):
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        run([many], tmp_path / "out", cluster="tcp://127.0.0.1:9")


def test_pipes_stay_here(cluster, many):
    with pytest.raises(UsageError, match="pipes"):
        run([many / "00.wav"], "-", cluster=cluster[0])


def test_workers_without_audiokit(tmp_path, many):
    """A worker in an environment that hides audiokit is named in the error."""
    log = tmp_path / "log"
    (tmp_path / "site").mkdir()
    hide = "import sys\nclass Hide:\n    def find_spec(self, name, *_):\n"
    hide += (
        "        if name == 'audiokit':\n            raise ModuleNotFoundError(name)\nsys.meta_path.insert(0, Hide())\n"
    )
    (tmp_path / "site/sitecustomize.py").write_text(hide)
    with open(log, "wb", buffering=0) as file:
        scheduler = _start(["scheduler", "--host", "127.0.0.1", "--port", "0", *QUIET], file)
        worker = None
        try:
            address = _wait_for(log, r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")[0]
            with pytest.raises(InputError, match="no workers"):
                run([many], tmp_path / "out", cluster=address)
            options = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--local-directory", str(tmp_path)]
            worker = _start(["worker", address, *options, *QUIET], file, PYTHONPATH=str(tmp_path / "site"))
            _wait_for(log, r"Registered to:\s+tcp")
            with pytest.raises(InputError, match="audiokit is not installed on tcp://127"):
                run([many], tmp_path / "out", cluster=address)
        finally:
            for process in filter(None, [worker, scheduler]):
                process.kill()
                process.wait()
    assert not (tmp_path / "out").exists()


def test_a_chain_finds_its_files_by_the_names_that_were_typed(cluster, many, tmp_path, rng, cli):
    """Workers live in other folders; names, history and bytes are those of a run without a cluster."""
    for path in many.iterdir():
        audio.write(tmp_path / "beds" / path.name, signals.noise(rng, 0.05), 22_050)
    line = "mix - beds/{stem}.wav | tee tees/{stem}.wav | normalize --reference beds/{stem}.wav"
    cli("run", line, "many", "-o", "local/")
    before = _bytes(tmp_path / "tees")
    cli("run", line, "many", "-o", "remote/", "--cluster", cluster[0], "--force")
    assert _bytes(tmp_path / "local") == _bytes(tmp_path / "remote") and _bytes(tmp_path / "tees") == before
    assert audio.info(tmp_path / "remote/00.wav").history[0]["inputs"] == ["many/00.wav", "beds/00.wav"]
    said = cli("run", line, "many", "-o", "remote/", "--cluster", cluster[0], "--skip-existing").stderr
    assert b"12 of 12 up to date" in said
