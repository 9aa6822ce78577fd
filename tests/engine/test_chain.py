"""Chains: the bytes of the shell's pipe, errors that show their place, batches, and Python."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import audiokit
from audiokit.engine.chain import Chain
from audiokit.engine.grammar import chain
from audiokit.errors import UsageError
from audiokit.io.audio import info, read, write
from audiokit.io.chunkset import open_chunks
from tests.signals import noise, plucks

RATE = 22_050


@pytest.fixture
def songs(tmp_path, rng):
    for k, name in enumerate(("a", "b c", "deep/d")):
        write(tmp_path / f"songs/{name}.wav", plucks(rng, 1.0 + 0.3 * k, RATE, channels=2), RATE, subtype="PCM_16")
    return tmp_path / "songs"


def piped(cwd, stages, source, out):
    """What a shell makes of the stages, each a program of its own."""
    data = b""
    for number, words in enumerate(stages):
        first, last = number == 0, number == len(stages) - 1
        line = [sys.executable, "-m", "audiokit", words[0], source if first else "-", *words[1:], "-q"]
        done = subprocess.run([*line, "-o", out if last else "-"], input=data, capture_output=True, cwd=cwd)
        assert done.returncode == 0, done.stderr.decode()
        data = done.stdout


#: Stages from audio to audio, from audio to chunks, and back; each with ways to draw options.
AUDIO = [
    lambda rng: ["normalize", "--to", f"{rng.uniform(-30, -10):.1f}"],
    lambda rng: ["normalize", "--mode", "peak", "--to", "-3", "--no-limiter"],
    lambda rng: ["denoise", "--engine", str(rng.choice(["wiener", "gate"])), "--strength", f"{rng.uniform(0, 1):.2f}"],
    lambda rng: ["split", "--engine", "center", "--stem", str(rng.choice(["vocals", "accompaniment"]))],
    lambda rng: ["mix", "other.wav", "--gain", "0dB", "--gain", f"{rng.uniform(-9, 0):.1f}dB"],
    lambda rng: ["augment", "--recipe", "notes", "--seed", str(rng.integers(100))],
]
TO_CHUNKS = [
    lambda rng: ["spectro", "--n-fft", str(rng.choice([512, 1024])), "--chunk", f"{rng.uniform(0.3, 0.8):.2f}s"],
    lambda rng: ["spectro", "--kind", "magnitude", "--n-fft", "512", "--scale", "db"],
]
BACK = [lambda rng: ["invert", "--iterations", str(rng.integers(1, 4))]]


def drawn(rng):
    """A random chain of two to four stages, and the suffix of what it makes."""
    kind, stages = "audio", []
    for _ in range(rng.integers(2, 5)):
        pool = BACK if kind == "chunks" else AUDIO if rng.random() < 0.7 else TO_CHUNKS
        words = pool[rng.integers(len(pool))](rng)
        kind = {"spectro": "chunks", "invert": "audio"}.get(words[0], kind)
        stages.append(words)
    return stages, ".tar" if kind == "chunks" else str(rng.choice([".wav", ".flac"]))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_random_chain_gives_the_bytes_of_the_pipe(songs, tmp_path, rng, seed):
    draw = np.random.default_rng(seed)
    write(tmp_path / "other.wav", noise(rng, 1.1, RATE, 0.05), RATE)
    stages, suffix = drawn(draw)
    shutil.copy(songs / "a.wav", tmp_path / "in.wav")
    piped(tmp_path, stages, "in.wav", "pipe" + suffix)
    text = " | ".join(" ".join(words) for words in stages)
    line = [sys.executable, "-m", "audiokit", "run", text, "in.wav", "-o", "run" + suffix, "-q"]
    done = subprocess.run(line, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, text + done.stderr.decode()
    assert (tmp_path / f"run{suffix}").read_bytes() == (tmp_path / f"pipe{suffix}").read_bytes(), text


def test_pipes_at_either_end(cli, songs):
    data = (songs / "a.wav").read_bytes()
    once = cli("run", "normalize --to -20 | normalize --to -30", "-", "-o", "-", stdin=data).stdout
    first = cli("normalize", "-", "-o", "-", "--to", "-20", stdin=data).stdout
    assert once == cli("normalize", "-", "-o", "-", "--to", "-30", stdin=first).stdout


@pytest.mark.parametrize(
    ("text", "reason", "mark"),
    [
        ("", "the chain is empty", "^"),
        ("normalize |", "no stage after this bar", "          ^"),
        ("| normalize", "no stage before this bar", "^"),
        ("normalize --to 'x", "this quote is not closed", "               ^"),
        ("normalise", "normalise is no stage", "^^^^^^^^^"),
        ("info", "info is a command, but no stage", "^^^^"),
        ("normalize | spectro | denoise", "denoise reads audio, but spectro writes chunks", " " * 22 + "^^^^^^^"),
        ("normalize --too 3", "no such option: --too", "          ^^^^^"),
        ("normalize --to 3", "not in the range", "          ^^^^^^"),
        ("denoise --engine magic", "--engine magic: not one of", "        ^^^^^^^^^^^^^^"),
        ("normalize\n| denoise --hard  # no mask", "--hard belongs to the mask", "          ^^^^^^"),
    ],
    ids=str,
)
def test_mistakes_are_shown_where_they_are(text, reason, mark):
    with pytest.raises(UsageError) as caught:
        chain(text)
    said = str(caught.value).split("\n")
    assert reason in said[0] and said[-1] == "  " + mark


def test_nothing_runs_before_everything_was_checked(cli, songs, tmp_path):
    done = cli("run", "normalize | stylize --model nothing-like-it", "songs", "-o", "out/", status=5)
    assert b"nothing-like-it" in done.stderr and not (tmp_path / "out").exists()
    assert b"no such file" in cli("run", "@gone.chain", "songs", "-o", "out/", status=3).stderr


def test_a_folder_in_one_pass_named_failures_and_resuming(cli, songs, tmp_path):
    (songs / "bad.wav").write_text("no audio")
    (tmp_path / "prepare.chain").write_text("normalize --to -20  # softly\n| spectro --n-fft 512\n")
    line = ["run", "@prepare.chain", "songs", "-o", "sets/"]
    done = cli(*line, "--jobs", 2, status=7)
    assert b"songs/bad.wav" in done.stderr and b"1 of 4" in done.stderr
    made = sorted(str(p.parent.relative_to(tmp_path / "sets")) for p in (tmp_path / "sets").rglob("manifest.json"))
    assert made == ["a.chunks", "b c.chunks", "deep/d.chunks"]
    history = [entry["name"] for entry in open_chunks(tmp_path / "sets/a.chunks").head.history]
    assert history == ["normalize", "spectro"]
    (songs / "bad.wav").unlink()
    assert b"3 of 3 up to date" in cli(*line, "--skip-existing").stderr
    (tmp_path / "prepare.chain").write_text("normalize --to -21 | spectro --n-fft 512")
    assert b"up to date" not in cli(*line, "--skip-existing").stderr


def test_a_failing_stage_is_named(cli, songs, tmp_path):
    done = cli("run", "normalize --to -20 | mix beds/{stem}.wav", "songs/a.wav", "-o", "x.wav", status=3)
    assert b"mix: beds/a.wav: no such file" in done.stderr and not (tmp_path / "x.wav").exists()


def test_further_inputs_are_templates_and_count_as_prerequisites(cli, songs, tmp_path, rng):
    for name in ("a", "b c", "d"):
        write(tmp_path / f"beds/{name}.wav", noise(rng, 1.0, RATE, 0.05), RATE)
    line = ["run", "normalize --to -20 | mix beds/{stem}.wav", "songs", "-o", "mixed/"]
    cli(*line)
    assert (tmp_path / "mixed/deep/d.wav").exists()
    assert b"3 of 3 up to date" in cli(*line, "--skip-existing").stderr
    write(tmp_path / "beds/a.wav", noise(rng, 1.0, RATE, 0.1), RATE, force=True)
    assert b"2 of 3 up to date" in cli(*line, "--skip-existing").stderr


def test_parts_go_through_the_rest_one_by_one(cli, songs, tmp_path):
    cli(
        "run",
        "split --engine center | normalize --to -25",
        "songs/a.wav",
        "-o",
        "out/",
        "--name",
        "{stem}-{part}.{ext}",
    )
    for stem in ("vocals", "accompaniment"):
        alone = cli("split", "songs/a.wav", "--engine", "center", "--stem", stem, "-o", "-").stdout
        cli("normalize", "-", "--to", "-25", "-o", f"{stem}.wav", stdin=alone)
        assert np.array_equal(read(tmp_path / f"out/a-{stem}.wav")[0], read(tmp_path / f"{stem}.wav")[0])


def test_tee_keeps_what_passes(cli, songs, tmp_path):
    text = "normalize --to -20 | tee between.flac | spectro --n-fft 512 | tee set.chunks | invert"
    cli("run", text, "songs/a.wav", "-o", "y.wav")
    cli("normalize", "songs/a.wav", "-o", "same.flac", "--to", "-20", "--subtype", "PCM_24")
    assert np.array_equal(read(tmp_path / "between.flac")[0], read(tmp_path / "same.flac")[0])
    open_chunks(tmp_path / "set.chunks").verify()
    assert [entry["name"] for entry in info(tmp_path / "y.wav").history] == ["normalize", "spectro", "invert"]
    cli("run", text, "songs/a.wav", "-o", "z.wav", status=3)
    assert not (tmp_path / "z.wav").exists()


def test_explain_says_what_flows_where(cli):
    said = cli("run", "--explain", "split --stem vocals | normalize | spectro | stylize").stdout.decode().splitlines()
    assert said[1].startswith("2. normalize: audio -> audio") and said[2].startswith("3. spectro: audio -> chunks")
    assert "loads piano-to-vibraphone" in said[3] and "reads its input twice" in said[3]


def test_from_python_as_text_or_of_functions(songs):
    y, rate = audiokit.read(songs / "a.wav")
    text = audiokit.chain("normalize --to -20 | denoise --engine wiener")
    made = audiokit.normalize.step(to=-20.0) | audiokit.denoise.step(engine="wiener")
    assert isinstance(made, Chain) and made.name == text.name == "normalize | denoise"
    found = made(y, rate)
    np.testing.assert_array_equal(found, text(y, rate))
    assert found.shape == y.shape
    sound = made(songs / "a.wav")
    np.testing.assert_array_equal(sound.samples, found)
    assert [entry["name"] for entry in sound.history] == ["normalize", "denoise"]
    with pytest.raises(UsageError, match="invert reads chunks, but denoise writes audio"):
        made | audiokit.invert.step()


def test_a_chain_may_begin_with_nothing(cli, tmp_path):
    first = ("generate", "--pitch", "A4", "--seconds", "0.5", "-o", "-")
    piped = cli(*first).stdout
    cli("normalize", "-", "--to", "-20", "-o", "pipe.wav", stdin=piped)
    cli("run", "generate --pitch A4 --seconds 0.5 | normalize --to -20", "-o", "run.wav")
    assert (tmp_path / "pipe.wav").read_bytes() == (tmp_path / "run.wav").read_bytes()
    cli("run", "generate --pitch A4,C5 --seconds 0.5 | normalize --to -20", "-o", "two/", "--json")
    assert len(list((tmp_path / "two").glob("*.wav"))) == 2
    cli("run", "generate --pitch A4,C5 --seconds 0.5 | spectro", "-o", "sets/")
    assert len(list((tmp_path / "sets").glob("*.chunks/manifest.json"))) == 2
    made = audiokit.chain("generate --pitch A4 --seconds 0.5 | normalize --to -20")()
    np.testing.assert_array_equal(made.samples, audiokit.read(tmp_path / "run.wav")[0])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("generate --pitch A4", "-o", "x.wav", "song.wav"), "nothing to do with song.wav"),
        (("generate --pitch A4", "-o", "x.wav", "--skip-existing"), "--skip-existing"),
        (("generate --pitch A4,C5 | normalize", "-o", "x.wav"), "2 notes do not fit"),
        (("generate --pitch A4,C5 --kit | normalize", "-o", "kit/"), "a layout of their own"),
        (("generate --pitch A4",), "no output"),
    ],
)
def test_what_means_nothing_to_such_a_chain(cli, tmp_path, arguments, says):
    done = cli("run", *arguments, status=2)
    assert says in done.stderr.decode()
    assert not list(tmp_path.iterdir())
