"""Chains: the bytes of the shell's pipe, errors that show their place, batches, and Python."""

import numpy as np
import pytest

import audiokit
from audiokit.engine.chain import Chain
from audiokit.engine.grammar import chain
from audiokit.errors import AudiokitError, UsageError
from audiokit.io.audio import info, read, write
from audiokit.io.chunkset import open_chunks
from tests import chains
from tests.signals import noise, plucks

RATE = 22_050


@pytest.fixture
def songs(tmp_path, rng):
    for k, name in enumerate(("a", "b c", "deep/d")):
        write(tmp_path / f"songs/{name}.wav", plucks(rng, 1.0 + 0.3 * k, RATE, channels=2), RATE, subtype="PCM_16")
    return tmp_path / "songs"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_chains_of_any_stages_give_the_bytes_of_the_pipe(tmp_path, seed):
    """Whole folders are compared: the result, its history, and what stages write beside it."""
    for number in range(4):
        rng = np.random.default_rng([seed, number])
        stages, out = chains.draw(rng)
        ways = {"pipe": chains.through_pipe, "run": chains.through_run}
        found = {}
        for name, way in ways.items():
            folder = tmp_path / f"{number}-{name}"
            chains.material(folder, np.random.default_rng(1))
            found[name] = (way(folder, stages, out), chains.files(folder))
        (piped, in_pipe), (ran, in_run) = found["pipe"], found["run"]
        text = f"{chains.text_of(stages)} -> {out}\n{piped}\n{ran}"
        assert (piped[0] == 0) == (ran[0] == 0) and 1 not in (piped[0], ran[0]), text
        assert in_pipe == in_run if piped[0] == 0 else out not in in_run, text


@pytest.mark.slow
def test_the_programs_of_a_shell_give_the_same_bytes(songs, tmp_path, cli):
    """Once with real processes and a real pipe."""
    line = ["normalize --to -20", "spectro --n-fft 512", "invert", "mix - other.wav --gain -3dB"]
    write(tmp_path / "other.wav", plucks(np.random.default_rng(1), 1.1, RATE), RATE)
    data = (songs / "a.wav").read_bytes()
    for words in map(str.split, line):
        rest = words[1:] if "-" in words else ["-", *words[1:]]
        data = cli(words[0], *rest, "-o", "-", stdin=data).stdout
    cli("run", " | ".join(line), "-", "-o", "-", stdin=(songs / "a.wav").read_bytes())
    assert cli("run", " | ".join(line), "-", "-o", "-", stdin=(songs / "a.wav").read_bytes()).stdout == data


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
        ("spectro | stylize | normalize --measure", "--measure writes nothing", " " * 30 + "^^^^^^^^^"),
        ("denoise | normalize --album", "it can only begin a chain", " " * 20 + "^^^^^^^"),
        (
            "chunk --every 1s --format chunks | normalize",
            "normalize reads audio, but chunk writes",
            " " * 35 + "^^^^^^^^^",
        ),
        ("normalize | chunk --join", "chunk reads chunks, but normalize writes audio", " " * 12 + "^^^^^"),
        ("split | chunk --every 1s", "split makes several sounds already", " " * 8 + "^^^^^"),
        ("chunk --every 1s | tee {part}.wav | split", "chunk makes several sounds already", " " * 36 + "^^^^^"),
        ("augment --copies 2 | split", "augment makes several sounds already", " " * 21 + "^^^^^"),
        ("align-beats | normalize", "nothing to align to", "^^^^^^^^^^^"),
        ("mix gone.wav", "gone.wav: no such file", "    ^^^^^^^^"),
        ("denoise | normalize --reference gone.wav", "gone.wav: no such file", " " * 32 + "^^^^^^^^"),
        ("mix - - a.wav", "what flows can be one input only", "^" * 13),
        ("morph", "takes 2 inputs, not 1", "^^^^^"),
        ("normalize --reference -", "- is what flows", " " * 22 + "^"),
        ("stylize --model gone", "no such model", " " * 16 + "^^^^"),
        ("normalize\n| denoise --hard  # no mask", "--hard is for --engine mask", "          ^^^^^^"),
    ],
    ids=str,
)
def test_mistakes_are_shown_where_they_are(text, reason, mark):
    with pytest.raises(AudiokitError) as caught:
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
    done = cli("run", "normalize --to -20 | mix {suffix}/{stem}.wav", "songs/a.wav", "-o", "x.wav", status=3)
    assert b"mix: wav/a.wav: no such file" in done.stderr


def test_further_inputs_are_templates_and_count_as_prerequisites(cli, songs, tmp_path, rng):
    for name in ("a", "b c", "d"):
        write(tmp_path / f"beds/{name}.wav", noise(rng, 1.0, RATE, 0.05), RATE)
    line = ["run", "normalize --to -20 | mix beds/{stem}.wav", "songs", "-o", "mixed/"]
    cli(*line)
    assert (tmp_path / "mixed/deep/d.wav").exists()
    for text in (
        "normalize --reference beds/{stem}.wav",
        "normalize --reference beds/{stem}.wav | denoise --strength 0",
    ):
        cli("run", text, "songs/deep/d.wav", "-o", "matched.wav", "--force")
        assert info(tmp_path / "matched.wav").history[0]["options"]["reference"] == "beds/d.wav"
    assert b"3 of 3 up to date" in cli(*line, "--skip-existing").stderr
    write(tmp_path / "beds/a.wav", noise(rng, 1.0, RATE, 0.1), RATE, force=True)
    assert b"2 of 3 up to date" in cli(*line, "--skip-existing").stderr


def test_what_flows_stands_where_a_dash_stands(cli, songs, tmp_path, rng):
    write(tmp_path / "bed.wav", noise(rng, 1.0, RATE, 0.05), RATE)
    cli("run", "denoise --engine wiener | mix bed.wav - --gain -6dB --gain 0dB", "songs/a.wav", "-o", "run.wav")
    data = cli("denoise", "songs/a.wav", "--engine", "wiener", "-o", "-").stdout
    cli("mix", "bed.wav", "-", "--gain", "-6dB", "--gain", "0dB", "-o", "pipe.wav", stdin=data)
    assert (tmp_path / "run.wav").read_bytes() == (tmp_path / "pipe.wav").read_bytes()


def test_a_changed_bed_or_model_or_a_lost_file_beside_is_noticed(cli, songs, tmp_path, rng):
    for name in ("old", "new"):
        write(tmp_path / f"{name}.wav", noise(rng, 1.0, RATE, 0.05), RATE)
    line = "normalize --to -20 | tee tees/{stem}.wav | mix BED --gain -6dB --gain 0dB"

    def redone(bed):
        done = cli("run", line.replace("BED", bed), "songs", "-o", "mixed/", "--skip-existing")
        return done.stderr.count(b" -> ")

    assert (redone("old.wav"), redone("old.wav"), redone("new.wav"), redone("new.wav")) == (3, 0, 3, 0)
    (tmp_path / "tees/a.wav").unlink()
    assert redone("new.wav") == 1


def test_a_file_that_two_inputs_would_write_is_refused(cli, songs, tmp_path):
    done = cli("run", "normalize | tee one.wav | denoise", "songs", "-o", "out/", status=2)
    assert b"one.wav would be written twice" in done.stderr and not (tmp_path / "out").exists()
    done = cli("run", "normalize | tee one.wav | denoise | tee one.wav", "songs/a.wav", "-o", "x.wav", status=2)
    assert b"written twice" in done.stderr
    write(tmp_path / "one.wav", np.zeros((1, 9), np.float32), RATE)
    cli("run", "normalize | tee one.wav | denoise", "songs/a.wav", "-o", "x.wav", status=3)
    assert not (tmp_path / "x.wav").exists()


def test_pieces_make_a_folder_and_are_known_again(cli, songs, tmp_path):
    line = ("run", "chunk --every 0.5s | normalize --to -20", "songs", "-o", "pieces/")
    cli(*line)
    assert len(list((tmp_path / "pieces/a").glob("*.wav"))) == 2
    assert b"3 of 3 up to date" in cli(*line, "--skip-existing").stderr
    assert b"up to date" not in cli(line[0], line[1].replace("-20", "-21"), *line[2:], "--skip-existing").stderr
    for out in ("x.wav", "-"):
        done = cli("run", line[1], "songs/a.wav", "-o", out, status=2)
        assert b"makes several sounds" in done.stderr


def test_pieces_that_pass_by_a_tee_make_a_folder_too(cli, songs, tmp_path):
    cli("run", "chunk --every 0.5s | tee seen/{part}.wav | normalize", "songs/a.wav", "-o", "out/")
    assert sorted(p.name for p in (tmp_path / "out/a").iterdir()) == ["000000.wav", "000001.wav"]
    assert sorted(p.name for p in (tmp_path / "seen").iterdir()) == ["000000.wav", "000001.wav"]


def test_several_sounds_are_not_given_the_name_of_one(cli, songs, tmp_path):
    for line in (("split", "--engine", "center"), ("augment", "--copies", "2"), ("chunk", "--every", "1s")):
        done = cli(*line, "songs/a.wav", "-o", "x.flac", "--force", status=2)
        assert b"makes several sounds, which do not fit into x.flac" in done.stderr, line
    assert not (tmp_path / "x.flac").exists()


def test_parts_go_through_the_rest_one_by_one(cli, songs, tmp_path):
    cli(
        "run",
        "split --engine center | normalize --to -25 | tee {stem}_{part}_too.wav",
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
        assert np.array_equal(read(tmp_path / f"a_{stem}_too.wav")[0], read(tmp_path / f"{stem}.wav")[0])


def test_parts_do_not_write_one_file(cli, songs, tmp_path):
    done = cli("run", "split --engine center | tee one.wav", "songs/a.wav", "-o", "out/", status=2)
    assert b"put {part} into its name" in done.stderr and not (tmp_path / "one.wav").exists()


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
