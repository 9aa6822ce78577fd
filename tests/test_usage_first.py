"""What was typed wrongly is told before anything is said of files: status 2 comes before "exists already" (3)."""

import os

import numpy as np
import pytest

from audiokit.cli import run
from audiokit.engine.option import Argument
from audiokit.engine.shell import declared_by
from audiokit.engine.table import COMMANDS, load, stage_names
from audiokit.io.audio import write
from audiokit.stages.train.group import train
from audiokit.training.engine.files import CHECKPOINT
from tests import signals

#: Command lines whose outputs exist.
LINES = {
    "split": "a.wav -o outs/",
    "spectro": "a.wav -o a.chunks",
    "invert": "a.chunks -o out.wav",
    "stylize": "a.wav -o out.wav",
    "align-beats": "a.wav --bpm 120 -o out.wav",
    "chunk": "a.wav --every 0.2s -o a.chunks",
    "morph": "a.wav a.wav -o out.wav",
    "augment": "a.wav -o out.wav",
    "normalize": "a.wav -o out.wav",
    "denoise": "a.wav -o out.wav",
    "generate": "--pitch C4 -o out.wav",
    "mix": "a.wav a.wav -o out.wav",
    "sing": "a.wav --over a.wav -o out.wav",
    "run": "normalize|denoise a.wav -o out.wav",
    "train gan": "songs -o runs",
    "train dcgan": "songs -o runs",
    "train notes": "songs -o runs",
    "train cyclegan": "songs songs -o runs",
    "train pix2pix": "songs songs -o runs",
    "train travel": "songs songs -o runs",
}
#: Texts that mean nothing to options that neither choices nor a range nor a reader of durations explain.
NONSENSE = {
    "chunk": "banana", "overlap": "banana", "split": "a:b", "shards": "big", "name": "{colour}", "stem": "flute",
    "format": "nope", "pitch": "Q9", "velocity": "loud", "family": "cars", "source": "sea", "qualities": "wet",
    "instrument": "spoon", "interpolate": "spoon knife", "like": "spoon", "scale": "tall", "range_": "x", "key": "H",
    "balance": "much",
}  # fmt: skip
#: Options that take any text or number, or a file or model that is looked for.
ANY = {
    "out", "cluster", "seed", "model", "vocoder", "features", "recipe", "beats", "beats_out", "click", "picture",
    "reference", "reference_out", "plan", "stems", "mix", "melody", "lyrics", "latent", "midi", "sheet", "threshold",
    "gain_db", "licence", "held_out", "start",
}  # fmt: skip


def nonsense(option):
    """What is typed for an option so that it makes no sense; None where everything does."""
    about = option.about
    if isinstance(about, Argument) or about.hidden or option.is_flag or option.is_source:
        return None
    if option.choices:
        return "no-such"
    if about.max is not None or about.min is not None:
        return str(about.min - 1 if about.max is None else about.max + 1)
    if option.name in NONSENSE:
        return NONSENSE[option.name]
    if about.parse is not None:
        return "banana"
    assert option.name in ANY, f"{option.flag}: say what would be nonsense"
    return None


def wrong_options():
    for line in LINES:
        name, _, recipe = line.partition(" ")
        found = train.find(recipe) if recipe else load(COMMANDS[name][0])
        for option in declared_by(found):
            if recipe and option.name == "source":  # where the sounds come from: any text
                continue
            if (text := nonsense(option)) is not None:
                yield pytest.param(line, option.flag, text, id=f"{line} {option.flag}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which every output that `LINES` names exists."""
    folder = tmp_path_factory.mktemp("exists")
    rng = np.random.default_rng(0)
    for name in ("a", "out", "songs/a", "outs/a/vocals"):
        write(folder / f"{name}.wav", signals.noise(rng, 0.5), 22_050)
    (folder / "runs").mkdir()
    (folder / "runs" / CHECKPOINT).touch()
    before = os.getcwd()
    os.chdir(folder)
    assert run(["spectro", "a.wav", "-o", "a.chunks", "--quiet"]) == 0
    yield folder
    os.chdir(before)


def test_every_stage_is_here():
    assert {*stage_names(), "run"} <= LINES.keys()


@pytest.mark.parametrize("line", LINES)
def test_outputs_exist(line, folder, capsys):
    assert run([*line.split(), *LINES[line].split()]) == 3
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(("line", "flag", "text"), [*wrong_options()])
def test_nonsense_is_told_before_what_exists(line, flag, text, folder, capsys):
    assert run([*line.split(), *LINES[line].split(), flag, *text.split()]) == 2
    assert "already" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "spectro a.wav -o a.chunks --overlap 9s",
        "spectro a.wav -o a.chunks --chunk 1s --overlap 1s",
        "spectro a.wav -o a.chunks --fmin 50",
        "normalize a.wav -o out.wav --subtype VORBIS",
        "normalize a.wav -o out.wav --bitrate 192k",
        "denoise a.wav -o out.wav --engine wiener --model x",
        "generate --pitch C9 -o out.wav",
        "generate --pitch C4 --family bass --source synthetic --qualities reverb,percussive,bright,dark -o out.wav",
        "run spectro|invert|chunk a.wav -o out.wav",
        "run normalize|denoise a.wav -o out.wav --subtype VORBIS",
    ],
)
def test_what_makes_no_sense_together_is_told_first_too(line, folder, capsys):
    assert run(line.split()) == 2
    assert "already" not in capsys.readouterr().err


def test_a_band_above_what_most_sounds_hold_is_only_refused_where_it_is_not_there(folder, capsys):
    write("high.wav", signals.noise(np.random.default_rng(0), 0.2, 96_000), 96_000, force=True)
    line = ["spectro", "--kind", "mel", "--fmax", "40000", "-o"]
    assert run([*line, "high.chunks", "high.wav", "--force"]) == 0
    assert run([*line, "low.chunks", "a.wav"]) == 2
    assert "40000" in capsys.readouterr().err
    mixed = ["spectro", "a.wav", "-o", "mixed.chunks", "--force", "--chunk", "256f", "--overlap", "0.5s"]
    assert run(mixed) == 0
