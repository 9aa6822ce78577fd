"""What people read: help in groups, suggestions, tables and colours on a terminal, plain text in pipes."""

import os
import pty
import re
import subprocess
import sys
import threading

import pytest
import soundfile as sf

from audiokit.cli import COMMANDS
from audiokit.engine.settings import BATCH, FILES, BatchOptions
from audiokit.engine.shell import declared_by, headings
from audiokit.engine.stage import Stage
from audiokit.engine.table import find
from tests.signals import noise


@pytest.fixture
def terminal(tmp_path):
    """Run `audiokit ...` with its standard output on a terminal of its own; what was shown, and on standard error."""

    def run(*arguments, status=0, **env):
        master, slave = pty.openpty()
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "80"}
        process = subprocess.Popen(
            [sys.executable, "-m", "audiokit", *arguments],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, env={**environment, **env},
        )  # fmt: skip
        os.close(slave)
        shown = []

        def read():
            try:
                while data := os.read(master, 4096):
                    shown.append(data)
            except OSError:  # the other side was closed
                pass

        reader = threading.Thread(target=read)
        reader.start()
        _, said = process.communicate(timeout=120)
        reader.join()
        os.close(master)
        assert process.returncode == status, said.decode()
        return b"".join(shown).decode().replace("\r\n", "\n"), said.decode()

    return run


@pytest.fixture
def tone(tmp_path, rng):
    for name in ("a.wav", "b.wav"):
        sf.write(tmp_path / name, noise(rng, 1, 8000)[0], 8000)


@pytest.mark.parametrize("name", [name for name in COMMANDS if isinstance(find(name), Stage)])
def test_shared_options_stand_together_at_the_end(name):
    stage = find(name)
    under = headings(declared_by(stage))
    assert list(dict.fromkeys(under.values()))[-1] in (FILES, BATCH)
    own = {option.name for option in stage.options}
    last = [option for option, heading in under.items() if heading == BATCH]
    if last:
        assert last == list(BatchOptions._fields) and not own & set(last)
    assert under["out"] == FILES


def test_help_is_as_wide_as_the_terminal_and_in_groups(cli):
    for columns in ("60", "100"):
        text = cli("normalize", "--help", env={"COLUMNS": columns}).stdout.decode()
        assert re.findall(r"^(\w.*):$", text, re.M) == ["Arguments", "Options", FILES, BATCH]
        prose = [line for line in text.splitlines() if "audiokit " not in line]
        assert max(map(len, prose)) <= int(columns)
    assert max(map(len, prose)) > 85


def test_colours_only_on_a_terminal_that_wants_them(terminal, cli):
    assert "\x1b[1mBatch\x1b[0m" in terminal("normalize", "--help")[0]
    assert "\x1b" not in terminal("normalize", "--help", NO_COLOR="1")[0]
    assert "\x1b" not in terminal("normalize", "--help", TERM="dumb")[0]
    assert b"\x1b" not in cli("normalize", "--help").stdout


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("normalise x.wav", "normalize"),
        ("train cylegan a b", "cyclegan"),
        ("models lst", "list"),
        ("normalize x.wav -o y.wav --clip resacle", "rescale"),
        ("split x.wav -o y/ --engine hps", "hpss"),
        ("normalize x.wav -o y.wav --too -3", "--to"),
        ("run 'normalise --to -3' x.wav -o y.wav", "normalize"),
    ],
)
def test_what_was_meant_is_suggested(cli, tmp_path, rng, line, near):
    import shlex

    sf.write(tmp_path / "x.wav", noise(rng, 1, 8000)[0], 8000)
    assert near in cli(*shlex.split(line), status=2).stderr.decode().replace(line, "")


def test_nothing_near_suggests_nothing(cli):
    said = cli("qqqqq", status=2).stderr.decode()
    assert said == "audiokit: no such command 'qqqqq'\nhint: see 'audiokit --help'\n"


def test_audiokit_alone_gives_three_lines_to_try(cli):
    alone, asked, group = (cli(*words).stdout.decode() for words in ((), ("--help",), ("train",)))
    lines = [line.split()[1] for line in alone.partition("Three lines to try:\n")[2].splitlines()]
    assert len(lines) == 3 and set(lines) <= set(COMMANDS)
    assert "to try" not in asked and "to try" not in group
    assert all(summary in " ".join(asked.split()) for _, summary in COMMANDS.values())


def test_tables_on_a_terminal_and_plain_text_in_pipes(terminal, cli, tone):
    for words in (("info", "a.wav"), ("score", "a.wav", "b.wav"), ("models", "list")):
        shown, _ = terminal(*words)
        plain = cli(*words).stdout.decode()
        assert "\x1b[" in shown and "\x1b" not in plain
        assert "\x1b" not in terminal(*words, NO_COLOR="1")[0].replace("\x1b[1m", "").replace("\x1b[0m", "")
        bare = re.sub(r"\x1b\[[\d;]*m", "", shown)
        first = [line.split()[0] for line in plain.splitlines() if line.split()]
        assert all(word in bare for word in first)
    assert "─" in terminal("models", "list")[0]


def test_binary_data_is_refused_on_a_terminal_with_the_pipe_to_type(terminal, tone):
    shown, said = terminal("normalize", "a.wav", "-o", "-", status=2)
    assert shown == "" and "type: audiokit normalize a.wav -o - | audiokit info -" in said
    _, said = terminal("spectro", "a.wav", "-o", "-", status=2)
    assert "type: audiokit spectro a.wav -o - | audiokit invert - -o back.wav" in said


def test_a_file_that_is_read_twice_is_named_once(cli, tmp_path, tone):
    said = cli("normalize", "a.wav", "b.wav", "-o", "out/", "--to", "-20", "--verbose").stderr.decode()
    for name in ("a.wav", "b.wav"):
        assert said.count(f"audiokit: {name}: WAV PCM_16, 8000 Hz, 1 channel, 1.000 s") == 1


def test_verbose_says_what_is_read_resampled_and_loaded(cli, tmp_path, tone):
    line = ("denoise", "a.wav", "b.wav", "-o", "out/", "--engine", "neural", "--jobs", "2")
    said = cli(*line, "--verbose").stderr.decode()
    for name in ("a.wav", "b.wav"):
        assert f"audiokit: {name}: WAV PCM_16, 8000 Hz, 1 channel, 1.000 s" in said
    assert re.search(r"denoiser: model loaded, gtcrn, \w+", said)
    assert "model loaded" not in cli(*line, "--force").stderr.decode()
    assert (
        "a.wav: 8000 Hz resampled to 4000 Hz"
        in cli("spectro", "a.wav", "-o", "a.npy", "--rate", "4000", "-v").stderr.decode()
    )
