"""The program itself: start-up, statuses, pipes, signals."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from audiokit.cli import COMMANDS
from audiokit.io import audio
from audiokit.io.wav import encode, header
from audiokit.stages.train.group import train
from tests import signals

HEAVY = ("numpy", "scipy", "librosa", "torch", "soundfile", "soxr", "numba", "matplotlib", "rich", "pydantic", "joblib")
LINES = [[], *[[name] for name in COMMANDS], *[["train", name] for name in train.table]]


def test_every_help_is_light_and_complete():
    """One process runs every help, so that whatever any of them imports is seen."""
    code = f"""
import sys
from audiokit.cli import run
for line in {LINES!r}:
    assert run([*line, "--help"]) == 0, line
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    assert not loaded, (line, loaded)
    print("\\x00")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for line, text in zip(LINES, done.stdout.split("\x00"), strict=False):
        if line:
            assert "Examples:" in text, f"{line} has no example"
        assert "Usage: audiokit" in text


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (["--version"], 0, ""),
        ([], 0, ""),
        (["nonsense"], 2, "no such command 'nonsense'"),
        (["info"], 2, "missing argument"),
        (["info", "nowhere.wav"], 3, "nowhere.wav: no such file"),
        (["info", "--frobnicate"], 2, "no such option"),
        (["info", "text.wav"], 3, "not audio"),
        (["info", "nan.wav", "--check"], 4, "NaN"),
        (["info", "text.wav", "ok.wav"], 7, "1 of 2 failed"),
        (["normalize", "ok.wav", "-o", "/dev/null", "--force"], 3, "a device or a pipe"),
        (["score", "ok.wav", "--ref", "-"], 2, "audiokit score - --ref FILE"),
        (["align-beats", "ok.wav", "--to", "100", "-o", "x.wav"], 2, "hint: a tempo is --bpm 100"),
        (["run", "normalize -o x.wav", "ok.wav"], 2, "stands behind the chain"),
        (["mix", "ok.wav", "ok.wav", "--gain", "0", "-3dB", "-o", "x.wav"], 2, "name it again: --gain -3dB"),
        (["normalize", "ok.wav", "--to", "-14", "-1", "-o", "x.wav"], 2, "name it again: --to -1"),
        (["mix", "ok.wav", "-3", "-o", "x.wav"], 2, "see 'audiokit mix --help'"),
    ],
)
def test_statuses(cli, tmp_path, line, status, words):
    (tmp_path / "text.wav").write_text("words")
    y = signals.sine(440, 0.1)
    audio.write(tmp_path / "ok.wav", y, 22_050)
    (tmp_path / "nan.wav").write_bytes(header(8000, 1) + encode(np.full((1, 9), np.nan, np.float32), "FLOAT"))
    done = cli(*line, status=status)
    text = done.stderr.decode()
    assert words in text
    if status:
        assert text.startswith("audiokit: ") and done.stdout.count(b"\n") <= 10


def test_a_bug_keeps_its_traceback(tmp_path):
    code = "import audiokit.stages.info.describe as d; d.describe = lambda *a, **k: 1 / 0\n"
    code += "from audiokit.cli import main; main(['info', 'x'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def _audiokit(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "audiokit", *arguments], stderr=subprocess.PIPE, **options)


def test_closed_pipe_downstream_is_quiet(tmp_path):
    audio.write(tmp_path / "a.wav", signals.sine(440, 20.0, channels=2), 22_050)
    command = (
        f"{sys.executable} -m audiokit spectro {tmp_path}/a.wav -o - | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.strip() == "0" and done.stderr == ""


def test_closed_stdin_and_terminal(cli, tmp_path):
    audio.write(tmp_path / "a.wav", signals.sine(440, 0.2), 22_050)
    command = f"{sys.executable} -m audiokit normalize - -o {tmp_path}/x.wav <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 3 and "standard input is closed" in done.stderr
    assert "no data arrived" in cli("normalize", "-", "-o", "y.wav", stdin=b"", status=3).stderr.decode()
    leader, follower = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "audiokit", "normalize", "a.wav", "-o", "-"],
        stdout=follower, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    os.close(leader)
    os.close(follower)
    assert done.returncode == 2 and b"terminal" in done.stderr


def test_a_pipeline_of_real_processes(tmp_path):
    """spectro | invert | normalize: samples go through three processes and two kinds of stream."""
    y = signals.plucks(np.random.default_rng(1), 2.0, 44_100, channels=2)
    audio.write(tmp_path / "a.wav", y, 44_100, subtype="PCM_24")
    program = f"{sys.executable} -m audiokit"
    stages = ["spectro a.wav -o -", "invert - -o -", "normalize - --to -20 -o b.wav"]
    command = " | ".join(f"{program} {stage}" for stage in stages)
    subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, check=True)
    back, info = audio.read(tmp_path / "b.wav")
    assert back.shape == y.shape and [e["name"] for e in info.history] == ["spectro", "invert", "normalize"]
    gain = float((back * y).sum() / (y * y).sum())
    assert np.abs(back - gain * y).max() < 1e-5


def test_interrupt_is_130_and_leaves_nothing_half_written(tmp_path):
    """The input is a pipe that stays open, so the command is in the middle of its work when Ctrl-C comes."""
    process = _audiokit(
        "spectro",
        "-",
        "-o",
        "long.chunks",
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Whoever runs the tests in a script's background made Ctrl-C something to ignore, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    process.stdin.write(header(44_100, 2) + encode(signals.sine(440, 20.0, 44_100, channels=2), "FLOAT"))
    process.stdin.flush()
    deadline = time.time() + 60
    while not list(tmp_path.glob(".audiokit-*/000000.npy")) and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130 and "interrupted" in text and "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_kill_9_at_random_moments_leaves_no_half_output(tmp_path, rng):
    """At least twenty kills over the life of a run: the target is absent or whole, and the next run sweeps up."""
    audio.write(tmp_path / "a.wav", signals.noise(rng, 15.0, 44_100, channels=2), 44_100)
    started = time.time()
    done = _audiokit("spectro", "a.wav", "-o", "whole.chunks", cwd=tmp_path, stdout=subprocess.PIPE)
    done.communicate()
    whole = time.time() - started
    kills = 0
    for round_number in range(80):
        target = tmp_path / f"{round_number}.chunks"
        process = _audiokit("spectro", "a.wav", "-o", target.name, cwd=tmp_path, stdout=subprocess.PIPE)
        time.sleep(float(rng.uniform(0.1, 1.05)) * whole)
        process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            kills += 1
        if target.exists():
            subprocess.run(
                [sys.executable, "-m", "audiokit", "info", "--check", target], check=True, capture_output=True
            )
        if kills >= 20:
            break
    assert kills >= 20
    _audiokit("spectro", "a.wav", "-o", "last.chunks", cwd=tmp_path, stdout=subprocess.PIPE).communicate()
    assert not list(tmp_path.glob(".audiokit-*"))


def test_an_interruption_leaves_no_empty_folders(tmp_path):
    """What the run made is gone, what was there before is not; the sound comes so slowly that it never ends."""
    audio.write(tmp_path / "a.wav", signals.noise(np.random.default_rng(0), 20.0, 44_100), 44_100)
    (tmp_path / "old").mkdir()
    process = _audiokit("mix", "-", "-o", "old/new/deep/b.wav", cwd=tmp_path, stdin=subprocess.PIPE)
    process.stdin.write((tmp_path / "a.wav").read_bytes()[:-1000])
    process.stdin.flush()
    while not (tmp_path / "old/new/deep").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)  # the pipe stays open meanwhile: nothing else ends it
    said = process.communicate()[1].decode()
    assert process.returncode == 130, said
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.wav", "old"]


@pytest.mark.parametrize(
    "command", ["split /dev/zero -o out/", "normalize /dev/zero -o a.wav", "mix /dev/zero -o a.wav", "info /dev/zero"]
)
def test_devices_are_no_input(cli, tmp_path, command):
    """They may never end: what comes from a pipe is kept until it does."""
    done = cli(*command.split(), status=3)
    assert b"audiokit: /dev/zero: is a device, not audio" in done.stderr and not list(tmp_path.iterdir())


def test_the_file_in_the_way_of_a_folder_is_named(cli, tmp_path):
    audio.write(tmp_path / "a.wav", signals.noise(np.random.default_rng(0), 0.2, 44_100), 44_100)
    (tmp_path / "blk").touch()
    done = cli("split", "a.wav", "-o", "blk/", "--engine", "hpss", status=3)
    assert b"audiokit: blk: is a file, so nothing can be written inside it" in done.stderr


@pytest.mark.parametrize(
    "command", ["normalize a.wav -o b.wav", "normalize a.wav -o b.flac", "mix a.wav a.wav -o b.wav"]
)
def test_a_full_disk_is_told_of_what_is_written(tmp_path, command):
    audio.write(tmp_path / "a.wav", signals.noise(np.random.default_rng(0), 10.0, 44_100), 44_100)
    run = f"ulimit -f 200; exec {sys.executable} -m audiokit {command}"
    done = subprocess.run(["bash", "-c", run], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3 and done.stderr.startswith(f"audiokit: {command.split()[-1]}: "), done.stderr
    assert "free some space" in done.stderr and "Traceback" not in done.stderr


def test_disk_full_and_file_size_limit(tmp_path):
    audio.write(tmp_path / "a.wav", signals.noise(np.random.default_rng(0), 10.0, 44_100), 44_100)
    program = f"{sys.executable} -m audiokit"
    command = f"ulimit -f 200; {program} spectro a.wav -o a.npy; echo $?; {program} normalize a.wav -o b.wav; echo $?"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["3", "3"] and "Traceback" not in done.stderr, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(cli, tmp_path):
    audio.write(tmp_path / "a.wav", signals.sine(440, 0.5), 22_050)
    (tmp_path / "far").mkdir()
    for name, other in {"b.wav": "far/b.wav", "b.chunks": "far/c.chunks"}.items():
        (tmp_path / name).symlink_to(other)
        stage = "spectro" if name.endswith("chunks") else "normalize"
        cli(stage, "a.wav", "-o", name, status=3)  # even where it leads nowhere yet
        for _ in range(2):
            cli(stage, "a.wav", "-o", name, "--force")
            assert (tmp_path / name).is_symlink() and (tmp_path / other).exists()
    assert sorted(path.name for path in (tmp_path / "far").iterdir()) == ["b.wav", "c.chunks"]


@pytest.mark.parametrize("name", ["with space.wav", "new\nline.wav", "ünïcödé 音.wav", "-dash.wav", "q'uote\".wav"])
def test_difficult_names(cli, tmp_path, name):
    audio.write(tmp_path / name, signals.sine(440, 0.5), 22_050)
    cli("normalize", "-o", "out/", "--", name)
    assert (tmp_path / "out" / name).exists()


def test_python_api_is_lazy_and_every_name_is_there():
    code = "import sys, audiokit\nassert 'numpy' not in sys.modules\n"
    code += "for name in audiokit._LAZY: assert callable(getattr(audiokit, name)) and name in dir(audiokit)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_two_runs_on_the_same_output(tmp_path):
    """Exactly one wins, the other says so; the output is whole."""
    audio.write(tmp_path / "a.wav", signals.noise(np.random.default_rng(0), 20.0, 44_100), 44_100)
    runs = [_audiokit("spectro", "a.wav", "-o", "a.chunks", cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(3)]
    texts = [run.communicate(timeout=120)[1].decode() for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 3, 3], texts
    assert sum("exists already" in text or "another run" in text for text in texts) == 2
    subprocess.run([sys.executable, "-m", "audiokit", "info", "--check", tmp_path / "a.chunks"], check=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.chunks", "a.wav"]


def test_input_deleted_before_its_turn(tmp_path, cli):
    """A file that vanishes during a batch is one failure among the others."""
    code = """
import os, sys
from audiokit.cli import run
from audiokit.engine.work import Work
real = Work.__call__
def task(work, job):
    if job.source.endswith("a.wav"):
        os.unlink("songs/b.wav")
    return real(work, job)
Work.__call__ = task
sys.exit(run(["spectro", "songs", "-o", "out/"]))
"""
    for name in "abc":
        audio.write(tmp_path / f"songs/{name}.wav", signals.sine(440, 0.5), 22_050)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 7 and "songs/b.wav: no such file" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.chunks", "c.chunks"]


def test_closed_standard_output(cli, tmp_path):
    """As `>&-` of a shell leaves it: words go nowhere, and sound that has nowhere to go is refused."""
    audio.write(tmp_path / "a.wav", np.zeros((1, 800), np.float32), 8000)

    def closed(line):
        command = f"exec {sys.executable} -m audiokit {line} >&-"
        return subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True)

    for line in ("--help", "info a.wav", "normalize a.wav -o b.wav"):
        done = closed(line)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    for line in ("normalize a.wav -o -", "spectro a.wav -o -"):
        done = closed(line)
        assert done.returncode == 3 and b"audiokit: standard output is closed" in done.stderr, done.stderr


def test_files_written_by_editors_that_begin_with_a_mark(cli, tmp_path):
    """Notepad begins UTF-8 with a byte order mark and ends lines with two characters."""
    audio.write(tmp_path / "a.wav", np.full((1, 8000), 0.1, np.float32), 8000)
    (tmp_path / "a.chain").write_bytes(b"\xef\xbb\xbfnormalize --to -20\r\n| chunk --every 0.5s\r\n")
    (tmp_path / "audiokit.toml").write_bytes(b"\xef\xbb\xbf[normalize]\r\nto = -30\r\n")
    cli("run", "@a.chain", "a.wav", "-o", "out/")
    assert b"normalize: --to -30" in cli("config").stdout


def test_what_is_no_number_is_called_so(cli):
    said = cli("mix", "a.wav", "--force", "-o", "b.wav", "--rate", "fast", status=2).stderr
    assert b"'fast' is not a whole number" in said
    assert b"'66%' is not a number" in cli("stylize", "a.wav", "--swing", "66%", "-o", "b.wav", status=2).stderr
