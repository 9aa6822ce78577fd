"""One declaration is a command, a Python function, a recipe and a schema; and its doors refuse what makes no sense."""

import json
import pickle
import shlex
from typing import Annotated, Literal

import numpy as np
import pytest

import audiokit
from audiokit.engine.flow import seed_of
from audiokit.engine.option import Option, bind, declared_in, recipe
from audiokit.engine.parse import seconds
from audiokit.engine.sound import Sound, Source
from audiokit.engine.stage import stage
from audiokit.errors import DamagedError, InputError, ParameterError, UsageError
from tests.signals import noise

RATE = 8000


@stage(reads=Sound, writes=Sound)
def fade(
    sound: Sound,
    *,
    over: Annotated[float | str, Option("How long.", parse=seconds, min=0.01)] = "1s",
    shape: Annotated[Literal["line", "curve"], Option("Which way.")] = "line",
    power: Annotated[int, Option("How much of a curve.", min=1, max=4, when=("shape", "curve"))] = 2,
    after: Annotated[Source | None, Option("Wait until this is over.")] = None,
    twice: Annotated[bool, Option("Fade out too.")] = False,
    device: Annotated[str, Option("Where.", recorded=False)] = "auto",
) -> Sound:
    """Fade a sound in."""
    start = 0 if after is None else Sound.open(after).length or 0

    def blocks():
        at = -start
        for block in sound.blocks():
            ramp = np.clip((at + np.arange(block.shape[1])) / (float(over) * sound.rate), 0, 1)
            yield (block * ramp).astype(np.float32)
            at += block.shape[1]

    return sound.derive(blocks)


def test_an_option_that_nothing_reads_is_refused_and_one_that_is_set_elsewhere_is_not(rng, cli, tmp_path):
    y = noise(rng, 1, RATE)
    with pytest.raises(UsageError, match="--power is for --shape curve") as caught:
        fade(y, RATE, power=3)
    assert caught.value.hint == "add --shape curve, or leave --power out"
    np.testing.assert_array_equal(fade(y, RATE, power=2), fade(y, RATE))  # what it is anyway
    assert fade(y, RATE, power=3, shape="curve").shape == y.shape
    audiokit.write(tmp_path / "x.wav", y, RATE)
    for words, said in {
        "denoise x.wav --engine wiener --model denoiser": "--model is for --engine auto or neural",
        "stylize x.wav --engine groove --direction ba": "--direction is for --engine model",
        "split x.wav --engine hpss --quality fast": "--quality is for --engine auto",
        "morph x.wav x.wav --engine latent --align": "--align is for --engine auto, world, transport or fade",
        "chunk x.wav --join --every 6s": "--every means nothing with --join",
        "run 'denoise --engine wiener --hard' x.wav": "--hard is for --engine mask",
    }.items():
        assert said in cli(*shlex.split(words), "-o", "made", status=2).stderr.decode()
    assert not (tmp_path / "made").exists()
    (tmp_path / "audiokit.toml").write_text('[denoise]\nmodel = "denoiser"\n')
    cli("denoise", "x.wav", "--engine", "wiener", "-o", "y.wav")
    assert (
        b"--model is for"
        in cli("denoise", "x.wav", "--engine", "wiener", "--model", "denoiser", "-o", "z.wav", status=2).stderr
    )


def test_help_says_what_an_option_is_for_where_the_default_is_another():
    said = {option.name: option.help for option in declared_in(fade.function)}
    assert said["power"] == "How much of a curve. [--shape curve]" and said["over"] == "How long."


def test_an_array_gives_an_array_and_a_path_a_sound(tmp_path, rng):
    y = noise(rng, 1, RATE)
    before = y.copy()
    made = fade(y, RATE, over=0.5)
    np.testing.assert_array_equal(y, before)
    assert made.dtype == np.float32 and made.shape == y.shape and made[0, 0] == 0
    audiokit.write(tmp_path / "x.wav", y, RATE)
    sound = fade(tmp_path / "x.wav", over="500ms")
    np.testing.assert_array_equal(sound.samples, made)
    assert [entry["name"] for entry in sound.history] == ["fade"]
    assert sound.save(tmp_path / "y.wav", subtype="FLOAT") == []
    np.testing.assert_array_equal(audiokit.read(tmp_path / "y.wav")[0], made)
    np.testing.assert_array_equal(fade(Sound.open(tmp_path / "x.wav"), over=0.5).samples, made)


def test_a_file_as_an_option_is_opened_for_the_stage(tmp_path, rng):
    audiokit.write(tmp_path / "wait.wav", noise(rng, 0.5, RATE), RATE)
    y = np.ones((1, RATE), np.float32)
    made = fade(y, RATE, over=0.25, after=tmp_path / "wait.wav")
    assert not made[0, : RATE // 2].any() and made[0, -1] == 1
    with pytest.raises(InputError, match=r"gone\.wav"):
        fade(y, RATE, after=tmp_path / "gone.wav")


def test_the_recipe_names_what_matters_and_nothing_else():
    options = declared_in(fade.function)
    assert recipe(options, {}) == {"over": "1s", "shape": "line"}
    made = recipe(options, {"over": 0.5, "shape": "curve", "twice": True, "device": "cpu", "after": "x.wav"})
    assert made == {"over": 0.5, "shape": "curve", "power": 2, "after": "x.wav", "twice": True}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"over": "soon"}, "--over 'soon': not a duration"),
        ({"over": 0.001}, "--over 0.001: must be at least 0.01"),
        ({"over": float("inf")}, "--over inf: must be a finite number"),
        ({"shape": "square"}, "--shape square: not one of line, curve"),
        ({"power": 9}, "--power 9: must be within 1 to 4"),
    ],
    ids=str,
)
def test_values_are_refused_before_anything_is_read(wrong, says):
    with pytest.raises(ParameterError, match=says):
        fade("nothing-of-this-name.wav", **wrong)


def test_unknown_options_are_errors_of_the_caller():
    with pytest.raises(TypeError, match="ower"):
        fade(np.zeros((1, 4), np.float32), RATE, ower=1)
    with pytest.raises(TypeError, match="needs"):
        bind(declared_in(_needy), {}, "needy")


def _needy(*, name: Annotated[str, Option("Of whom.")]) -> None:
    """Need a name."""


@pytest.mark.parametrize(
    ("y", "rate", "says"),
    [
        (np.zeros((2, 100), np.float32), None, "rate of the audio is None"),
        (np.zeros((2, 100), np.float32), 0, "rate of the audio is 0"),
        (np.zeros((2, 100), np.float32), 44_100.0, "rate of the audio is 44100.0"),
        (np.zeros((2, 100), np.float32), object(), "rate of the audio is of type object"),
        (np.zeros((2, 100), np.int16), RATE, "not int16"),
        (np.zeros((2, 100), np.complex64), RATE, "not complex64"),
        (np.zeros((1, 2, 100), np.float32), RATE, r"shape \(1, 2, 100\)"),
        (np.zeros((44_100, 2), np.float32), RATE, r"\(44100, 2\)"),
        (np.zeros((0, 100), np.float32), RATE, r"\(0, 100\)"),
    ],
    ids=["no rate", "zero", "float", "object", "int16", "complex", "3-D", "transposed", "no channel"],
)
@pytest.mark.parametrize("door", [fade, audiokit.normalize], ids=["fade", "normalize"])
def test_arrays_are_looked_at_on_the_doorstep(door, y, rate, says):
    with pytest.raises(ParameterError, match=says):
        door(y, rate)


@pytest.mark.parametrize(
    "door", [audiokit.normalize, audiokit.spectro, audiokit.split, audiokit.denoise, audiokit.augment]
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused_with_its_place(door, value):
    y = np.zeros((2, RATE), np.float32)
    y[1, RATE // 2 : RATE // 2 + 9] = value
    with pytest.raises(DamagedError, match=r"holds NaN or infinity, first at 0\.500 s"):
        door(y, RATE)


def test_one_dimension_and_float64_are_taken():
    made = fade(np.ones(RATE), RATE)
    assert made.shape == (1, RATE) and made.dtype == np.float32


def test_a_flow_of_another_kind_is_refused():
    parts = audiokit.Parts(["a"])
    with pytest.raises(UsageError, match="fade reads audio, not parts"):
        fade(parts)


def test_a_stage_that_gives_something_else_is_told_what_it_declared(rng):
    @stage(reads=Sound, writes=Sound)
    def forgetful(sound: Sound) -> Sound:
        """Forget to return."""

    with pytest.raises(TypeError, match="stage forgetful is declared to give Sound, and gave NoneType"):
        forgetful(noise(rng, 1, RATE), RATE)


def test_stages_travel_to_workers_by_name():
    assert pickle.loads(pickle.dumps(audiokit.normalize)) is audiokit.normalize


def test_the_schema_says_what_the_signature_says(cli):
    found = json.loads(cli("normalize", "--schema").stdout)
    assert found["reads"] == found["writes"] == ["audio"]
    to, mode = found["options"]["to"], found["options"]["mode"]
    assert (to["type"], to["minimum"], to["maximum"], to["flag"]) == ("number", -100, 0, "--to")
    assert mode["enum"] == ["loudness", "peak", "rms", "match"] and mode["default"] == "loudness"
    assert "gain_db" not in found["options"] and found["options"]["reference"]["format"] == "path"


def test_a_sound_is_read_again_and_a_stream_is_kept_once(tmp_path, rng, monkeypatch):
    y = noise(rng, 2, RATE, channels=2)
    audiokit.write(tmp_path / "x.wav", y, RATE)
    sound = Sound.open(tmp_path / "x.wav")
    assert sound.replay() is sound and sound.length == y.shape[1]
    passes = []

    def once():
        passes.append(1)
        assert len(passes) == 1, "a stream comes only once"
        yield from (y[:, :5000], y[:, 5000:])

    stream = Sound(RATE, 2, once).replay()
    for _ in range(3):
        np.testing.assert_array_equal(stream.samples, y)
    assert stream.length == y.shape[1] and stream.replay() is stream


def test_another_rate_on_the_way_equals_the_reader_s(tmp_path, rng):
    y = noise(rng, 1, RATE, channels=2)
    audiokit.write(tmp_path / "x.wav", y, RATE)
    straight = Sound.open(tmp_path / "x.wav", 11_025, mono=True)
    later = Sound.open(tmp_path / "x.wav").at(11_025, mono=True)
    assert (later.rate, later.channels, later.length) == (straight.rate, straight.channels, straight.length)
    np.testing.assert_array_equal(straight.samples, later.samples)


def test_read_gives_samples_and_a_rate_that_spectro_takes(tmp_path, rng):
    audiokit.write(tmp_path / "x.wav", noise(rng, 1, RATE), RATE, tags={"title": "Hiss"})
    y, rate = audiokit.read(tmp_path / "x.wav")
    assert rate == RATE and isinstance(rate, int)
    X, _ = audiokit.spectro(y, rate)
    assert X.shape[0] == 1 and Sound.open(tmp_path / "x.wav").info.tags == {"title": "Hiss"}


def test_skip_existing_knows_the_recipe(cli, tmp_path, rng):
    audiokit.write(tmp_path / "x.wav", noise(rng, 1, RATE), RATE)
    cli("normalize", "x.wav", "-o", "y.wav", "--to", "-20")
    assert b"1 of 1 up to date" in cli("normalize", "x.wav", "-o", "y.wav", "--to", "-20", "--skip-existing").stderr
    done = cli("normalize", "x.wav", "-o", "y.wav", "--to", "-21", "--skip-existing")
    assert b"up to date" not in done.stderr


def test_arrays_and_sounds_stand_for_files_in_options(rng):
    @stage(reads=Sound, writes=Sound)
    def less(sound: Sound, *, other: Annotated[Source | None, Option("What to take away.")] = None) -> Sound:
        """Take one sound away from another."""
        assert isinstance(other, Sound) and other.rate == sound.rate
        return sound.derive(lambda: iter([sound.samples - other.samples]))

    y = rng.standard_normal((1, 9)).astype(np.float32)
    assert not less(y, 8000, other=y).any()
    made = less(Sound.of(y, 8000), other=Sound.of(y, 8000))
    assert made.history[-1]["options"] == {"other": "audio"}
    assert less.entry({"other": y})["options"] == {"other": "an array of (1, 9)"}


def test_a_sound_kept_is_made_once_and_known_at_once():
    made = []

    def blocks():
        made.append(1)
        yield np.ones((1, 3), np.float32)

    sound = Sound.of(np.zeros((1, 3), np.float32), 8000).derive(blocks, length=None).kept()
    assert made == [1] and sound.length == 3
    assert sound.samples.tolist() == [[1, 1, 1]] and made == [1]


def test_sounds_are_seeded_by_the_name_of_their_file(tmp_path):
    audiokit.write(tmp_path / "a.wav", np.zeros((1, 3), np.float32), 8000)
    assert Sound.open(tmp_path / "a.wav").seed(3) == seed_of("a.wav", 3)
