"""The batch engine: plan first, whole outputs or none, every failure listed, the same bytes whatever --jobs is."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

from audiokit.engine import batch
from audiokit.engine.settings import BatchOptions
from audiokit.errors import AudiokitError, BatchError, InputError, UsageError
from audiokit.io import audio
from tests import signals
from tests.conftest import ROOT


def halve(job: batch.Job, *, noise: float = 0.0, poison: str = "", once: str = "") -> dict:
    """A small real task: read, halve, add seeded noise, write."""
    if poison and poison in job.source:
        os.kill(os.getpid(), signal.SIGKILL)
    if once and not os.path.exists(once):
        open(once, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    y, info = audio.read(job.source)
    y = y / 2 + noise * np.random.default_rng(job.seed).standard_normal(y.shape).astype(np.float32)
    audio.write(job.target, y.astype(np.float32), info.rate, like=info, history=job.history, force=job.force)
    return {"seconds": y.shape[1] / info.rate}


def copy_slowly(job: batch.Job, *, wait: float) -> dict:
    """A task that begins its output before it has read its input."""
    from audiokit.io.writer import Writer

    with Writer(job.target, 22_050, 1) as writer:
        time.sleep(wait)
        writer.write(audio.read(job.source)[0])
    return {"seconds": 0}


def run(inputs, out, task=halve, *, options=None, **changes):
    inputs = [str(i) for i in inputs]
    batch_options = BatchOptions(**{"quiet": True, **changes})
    known = batch.Known(lambda job: [audio.history_entry("halve", options or {}, 0)])
    return batch.run(task, inputs, str(out), batch=batch_options, known=known)


@pytest.fixture
def songs(tmp_path, rng):
    folder = tmp_path / "songs"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.wav", "b c.flac", "inner/ü\n-x.wav"):
        audio.write(folder / name, signals.noise(rng, 0.05), 22_050, subtype="PCM_16")
    (folder / "notes.txt").write_text("no audio")
    return folder


def test_folder_structure_is_mirrored(songs, tmp_path):
    reports = run([songs], tmp_path / "out")
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.wav"))
    assert made == ["a.wav", "b c.wav", "inner/ü\n-x.wav"] and len(reports) == 3
    before, after = audio.read(songs / "a.wav")[0], audio.read(tmp_path / "out/a.wav")[0]
    assert np.abs(after - before / 2).max() <= 2**-15


@pytest.mark.parametrize(
    ("out", "made"), [("x.wav", "x.wav"), ("new/", "new/a.wav"), ("plain", "plain/a.wav"), ("songs", "songs/a.wav")]
)
def test_where_one_output_goes(songs, tmp_path, out, made, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if out == "songs":
        with pytest.raises(InputError, match="exists already"):
            run(["songs/a.wav"], out)
        return
    run(["songs/a.wav"], out)
    assert (tmp_path / made).exists()


def test_collisions_are_refused_before_anything_runs(songs, tmp_path, rng):
    (tmp_path / "other").mkdir()
    audio.write(tmp_path / "other/a.wav", signals.noise(rng, 0.05), 22_050)
    with pytest.raises(UsageError, match="both become"):
        run([songs / "a.wav", tmp_path / "other/a.wav"], tmp_path / "out/")
    assert not (tmp_path / "out").exists()
    run([songs / "a.wav"], tmp_path / "out/", name="{stem}-soft.{ext}")
    assert (tmp_path / "out/a-soft.wav").exists()
    with pytest.raises(UsageError, match="cannot be filled in"):
        run([songs / "a.wav"], tmp_path / "out2/", name="{artist}.wav")


def test_a_collision_is_told_with_a_way_out_that_works(songs, tmp_path, rng):
    audio.write(songs / "a.flac", signals.noise(rng, 0.05), 22_050)

    def way_out(*inputs, **options):
        with pytest.raises(UsageError) as caught:
            run(inputs, tmp_path / "out/", **options)
        return str(caught.value), caught.value.hint

    said, hint = way_out(songs)
    assert "a.flac and " in said and hint == "keep them apart with --name '{stem}-{suffix}.{ext}'"
    run([songs], tmp_path / "suffixes", name=hint.split("'")[1])
    assert {"a-wav.wav", "a-flac.wav"} <= {path.name for path in (tmp_path / "suffixes").iterdir()}
    run([songs], tmp_path / "folders", name="{suffix}/{stem}.{ext}")
    assert (tmp_path / "folders/flac/a.wav").exists() and (tmp_path / "folders/wav/a.wav").exists()
    assert (
        way_out(songs / "a.wav", songs, name="same.{ext}")[1] == "keep them apart with --name '{stem}-{suffix}.{ext}'"
    )
    assert way_out(songs / "a.wav", songs / "b c.flac", name="same.{ext}")[1].endswith("--name '{stem}.{ext}'")
    (tmp_path / "other").mkdir()
    audio.write(tmp_path / "other/a.wav", signals.noise(rng, 0.05), 22_050)
    for again in (tmp_path / "other/a.wav", tmp_path / "other"):
        said, hint = way_out(tmp_path / "other/a.wav", again)
        assert said == f"{tmp_path / 'other/a.wav'}: is given twice" and hint == "name it once"
    assert way_out(songs / "a.wav", tmp_path / "other/a.wav")[1] == "give their common folder as the input"


def test_one_bad_file_does_not_stop_the_others(songs, tmp_path, capsys):
    (songs / "bad.wav").write_text("no audio at all")
    with pytest.raises(BatchError) as caught:
        run([songs], tmp_path / "out", json=True)
    assert caught.value.status == 7 and "bad.wav: not audio" in str(caught.value)
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted("error" in line for line in lines) == [False, False, False, True]
    with pytest.raises(BatchError):
        run([songs], tmp_path / "out3", fail_fast=True)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("0.wav", "where --fail-fast stopped (0 done, 3 left):"),
        ("b.wav", "where --fail-fast stopped (2 done, 1 left):"),
    ],
)
def test_what_fail_fast_left_is_counted(songs, tmp_path, bad, said):
    (songs / bad).write_text("no audio at all")
    with pytest.raises(BatchError) as caught:
        run([songs], tmp_path / "out", fail_fast=True)
    assert str(caught.value).startswith(f"1 of 4 files failed, {said}") and caught.value.hint != "the others are done"


def test_links_do_not_make_a_folder_endless(songs, tmp_path, rng):
    (tmp_path / "far").mkdir()
    audio.write(tmp_path / "far/d.wav", signals.noise(rng, 0.05), 22_050)
    links = {"self": ".", "inner/up": "..", "again": "inner", "far": "../far", "far/back": "../songs"}
    for name, to in links.items():
        (songs / name).symlink_to(to)
    found = sorted(name for _, name in batch.expand([str(songs)]))
    assert found == ["a.wav", "b c.flac", "far/d.wav", "inner/ü\n-x.wav"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_that_fail_leave_no_empty_folders(songs, tmp_path, jobs):
    whole = (songs / "b c.flac").read_bytes()
    (songs / "inner/cut.flac").write_bytes(whole[: len(whole) // 2])
    (songs / "none.wav").touch()
    (tmp_path / "out/kept").mkdir(parents=True)
    task = partial(copy_slowly, wait=0.0)
    with pytest.raises(BatchError, match="2 of 5"):
        run([songs], tmp_path / "out", task, jobs=jobs, name="{stem}/x.{ext}")
    left = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_dir()}
    assert left == {"kept", "a", "b c", "inner", "inner/ü\n-x"}
    with pytest.raises(AudiokitError):
        run([songs / "inner/cut.flac"], tmp_path / "deep/er/x.wav", task)
    assert not (tmp_path / "deep").exists()


def test_an_interrupted_batch_leaves_no_empty_folders(songs, tmp_path):
    task = partial(copy_slowly, wait=60.0)

    def interrupt():
        while len([*tmp_path.glob("out/*/")]) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run([songs / "a.wav", songs / "b c.flac"], tmp_path / "out", task, jobs=2, name="{stem}/x.{ext}")
    finally:
        signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "out").exists()


def test_a_single_failure_keeps_its_own_status(songs, tmp_path):
    (songs / "bad.wav").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        run([songs / "bad.wav"], tmp_path / "out.wav")
    assert caught.value.status == 3


@pytest.mark.parametrize(("given", "error"), [("nowhere.wav", InputError), ("empty", InputError), ("-", AudiokitError)])
def test_inputs_are_checked_first(tmp_path, given, error, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        run([given, "empty"], tmp_path / "out/")


def test_existing_outputs(songs, tmp_path):
    run([songs], tmp_path / "out")
    with pytest.raises(InputError, match=r"exists already \(and 2 more\)"):
        run([songs], tmp_path / "out")
    old = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.wav")}
    assert run([songs], tmp_path / "out", skip_existing=True) == []
    assert old == {p: p.stat().st_mtime_ns for p in old}
    # Another recipe, or a newer input: redone.
    assert len(run([songs], tmp_path / "out", skip_existing=True, options={"level": 2})) == 3
    later = time.time() + 5
    os.utime(songs / "a.wav", (later, later))
    assert len(run([songs], tmp_path / "out", skip_existing=True, options={"level": 2})) == 1


def test_dry_run_does_nothing(songs, tmp_path, capsys):
    run([songs], tmp_path / "out", dry_run=True)
    assert capsys.readouterr().out.count(" -> ") == 3 and not (tmp_path / "out").exists()


def _bytes(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*.wav")}


def test_same_bytes_whatever_the_number_of_workers(songs, tmp_path):
    task = partial(halve, noise=0.1)
    run([songs], tmp_path / "one", task)
    run([songs], tmp_path / "three", task, jobs=3)
    one = _bytes(tmp_path / "one")
    assert one == _bytes(tmp_path / "three") and len(set(one.values())) == 3


def test_a_worker_that_dies_costs_only_its_file(songs, tmp_path):
    with pytest.raises(BatchError, match=r"1 of 3(.|\n)*a\.wav: its worker process died twice"):
        run([songs], tmp_path / "out", partial(halve, poison="a.wav"), jobs=2)
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.wav")) == ["b c.wav", "ü\n-x.wav"]
    run([songs], tmp_path / "again", partial(halve, once=str(tmp_path / "died")), jobs=2)
    assert len(_bytes(tmp_path / "again")) == 3


def noted(job: batch.Job, *, log: str, poison: str) -> dict:
    """Say on which file which worker works; short files, so that a worker gets several at once."""
    with open(log, "a") as file:
        file.write(f"{os.path.basename(job.source)} {os.getpid()}\n")
    return halve(job, poison=poison)


def test_a_worker_that_dies_suspects_only_what_was_in_work(tmp_path, rng):
    folder = tmp_path / "songs"
    folder.mkdir()
    names = [f"{number:03d}.wav" for number in range(60)]
    for name in names:
        audio.write(folder / name, signals.noise(rng, 0.01), 8000, subtype="PCM_16")
    log = tmp_path / "log"
    with pytest.raises(BatchError, match=r"1 of 60(.|\n)*040\.wav: its worker process died twice"):
        run([folder], tmp_path / "out", partial(noted, log=str(log), poison="040.wav"), jobs=2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [name for name in names if name != "040.wav"]
    begun = [line.split() for line in log.read_text().splitlines()]
    workers = {name: {pid for other, pid in begun if other == name} for name in names}
    assert len(workers["040.wav"]) == 2
    # The two first workers, two that go on, and one for each file that was in work: the killer and its neighbour's.
    assert len({pid for _, pid in begun}) <= 6


def test_long_names(tmp_path, rng):
    name = "n" * 251 + ".wav"
    audio.write(tmp_path / name, signals.noise(rng, 0.01), 8000)
    run([tmp_path / name], tmp_path / "out/")
    assert (tmp_path / "out" / name).exists()


def test_unwritable_folder(songs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="is a file"):
        run([songs / "a.wav"], tmp_path / "file/out.wav")


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_end_with_their_parent_however_it_goes(tmp_path, way):
    """A parent that is killed leaves nobody behind that would wait for it."""
    code = (
        "import multiprocessing, os, signal, time\n"
        "from audiokit.engine.local import _Pool\n"
        "if __name__ == '__main__':\n"
        f"    pool = _Pool(2, multiprocessing.get_context({way!r}))\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    print(*pool._processes, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "parent.py").write_text(code)
    done = subprocess.run([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    workers, deadline = {int(word) for word in done.stdout.split()}, time.time() + 20
    while any(map(_alive, workers)) and time.time() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, workers))


ALONE = """
import os, sys, threading
from pathlib import Path
from functools import partial
from audiokit.engine import local
from audiokit.errors import BatchError
from tests.engine.test_batch import halve, run

if __name__ == "__main__":
    here = Path(sys.argv[1])
    one = threading.Event()
    if sys.argv[2] == "thread":
        threading.Thread(target=one.wait).start()
    if sys.argv[2] == "library":
        sys.modules["onnxruntime"] = sys
    print(local._way())
    if sys.argv[2] == "plain":
        run([here / "songs"], here / "out", partial(halve, noise=0.1), jobs=3)
        run([here / "songs"], here / "again", partial(halve, once=str(here / "died")), jobs=2)
        try:
            run([here / "songs"], here / "poisoned", partial(halve, poison="a.wav"), jobs=2)
        except BatchError as error:
            print(str(error).split("\\n")[1])
    one.set()
"""


@pytest.mark.parametrize(("around", "way"), [("plain", "fork"), ("thread", "spawn"), ("library", "spawn")])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere workers are always fresh processes")
def test_workers_are_copies_of_a_process_that_can_be_copied(songs, tmp_path, around, way):
    """With the same bytes, and the same end for a worker that dies, as everywhere."""
    (tmp_path / "alone.py").write_text(ALONE)
    line = [sys.executable, tmp_path / "alone.py", tmp_path, around]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, **one_thread})
    said = done.stdout.split("\n")
    assert said[0] == way and not done.stderr
    if around == "plain":
        run([songs], tmp_path / "one", partial(halve, noise=0.1))
        assert _bytes(tmp_path / "one") == _bytes(tmp_path / "out") and len(_bytes(tmp_path / "again")) == 3
        assert "a.wav: its worker process died twice" in said[1] and len(_bytes(tmp_path / "poisoned")) == 2
        assert not list(tmp_path.rglob(".audiokit-*"))


def _alive(process: int) -> bool:
    """Whether a process is there, and no mere entry that nobody asked for yet."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def faulty(job: batch.Job) -> dict:
    """A task with a bug."""
    return {"seconds": 1 / (len(job.source) - len(job.source))}


def nameless(job: batch.Job) -> dict:
    """A task whose library code does not know the file that it refuses."""
    raise InputError("too low a rate")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bug_that_all_files_meet_is_traced_once(songs, tmp_path, jobs, capsys):
    with pytest.raises(BatchError, match=r"3 of 3 files failed:\n(.*ZeroDivisionError.*\n?){3}$"):
        run([songs], tmp_path / "out", faulty, jobs=jobs)
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1 and "(the same in 2 more)" in said


def test_every_reason_in_a_batch_names_its_file(songs, tmp_path, capsys):
    with pytest.raises(BatchError) as caught:
        run([songs], tmp_path / "out", nameless, json=True)
    lines = str(caught.value).split("\n  ")[1:]
    assert [line.rpartition("/")[2] for line in lines] == [
        "a.wav: too low a rate",
        "b c.flac: too low a rate",
        "ü\\n-x.wav: too low a rate",
    ]
    assert [json.loads(line)["error"] for line in capsys.readouterr().out.splitlines()] == lines


def talkative(job: batch.Job) -> dict:
    """A task that prints, as a package of others might."""
    print("loading the model ...")
    return halve(job)


def test_what_a_stage_prints_does_not_come_into_the_sound(songs, tmp_path, capsysbinary):
    run([songs / "a.wav"], "-", talkative)
    said = capsysbinary.readouterr()
    assert b"loading" not in said.out and b"loading the model ..." in said.err
    (tmp_path / "piped.wav").write_bytes(said.out)
    sound, _ = audio.read(tmp_path / "piped.wav")
    assert np.abs(sound - audio.read(songs / "a.wav")[0] / 2).max() < 1e-7
