"""generate: what is asked for is what the files hold, and what cannot be made is refused with a way out."""

from __future__ import annotations

import json

import numpy as np
import pytest

import audiokit
from audiokit.dsp.effects.effects import measure_thd
from audiokit.dsp.notes.names import estimate_pitch
from audiokit.engine import spool
from audiokit.engine.settings import BatchOptions, SaveOptions
from audiokit.engine.stage import Call
from audiokit.engine.work import run_stage
from audiokit.io.audio import read, write
from audiokit.io.midi import write_midi
from audiokit.io.midi_format import Note, Score
from audiokit.io.nsynth import read_notes
from audiokit.models.folder.checkpoint import shipped
from audiokit.stages.generate import made
from audiokit.stages.generate.stage import generate as generate_note
from tests.note_sets import RATE, synthetic_note

QUICK = {"seconds": 0.6, "rate": 16000}


def make(out, request=None, *, settings=None, force=False, quiet=True, **how):
    """One command, in this process."""
    options = {**QUICK, **(request or {}), **(settings or {}), **how}
    run_stage(generate_note, Call([], str(out), options, SaveOptions(), BatchOptions(force=force, quiet=quiet)))


def test_a_folder_holds_every_note_with_its_parameters(tmp_path):
    request = {"pitch": "C3:C4:6", "family": "keyboard", "velocity": "40,110", "count": 2}
    make(tmp_path / "notes", request, sheet=str(tmp_path / "sheet.png"))
    notes = read_notes(tmp_path / "notes")
    assert len(notes) == 12
    entries = json.loads((tmp_path / "notes" / "examples.json").read_text())
    for note in notes:
        assert note.family == "keyboard"
        assert note.pitch in (48, 54, 60)
        y, info = read(note.path)
        assert (info.rate, y.shape) == (16000, (1, 9600))
        assert abs(estimate_pitch(y[0], 16000) - note.pitch) < 0.25
        assert len(entries[note.name]["latent"]) == np.load(tmp_path / "notes" / "latents.npy").shape[1]
        assert entries[note.name]["generated_seed"] == 0
    assert (tmp_path / "sheet.png").read_bytes()[:4] == b"\x89PNG"


def test_same_seed_same_bytes_and_another_seed_another_sound(tmp_path):
    for name, seed in (("a.wav", 1), ("b.wav", 1), ("c.wav", 2)):
        make(tmp_path / name, {"pitch": "60", "family": "brass"}, settings={"seed": seed})
    a, b, c = ((tmp_path / n).read_bytes() for n in ("a.wav", "b.wav", "c.wav"))
    assert a == b
    assert a != c


def test_a_list_of_families_draws_each_as_if_it_were_asked_for_alone(tmp_path):
    make(tmp_path / "both", {"pitch": "60", "family": "organ, reed", "count": 2})
    make(tmp_path / "one", {"pitch": "60", "family": "reed", "count": 2})
    both, one = (np.load(tmp_path / name / "latents.npy") for name in ("both", "one"))
    assert both.shape[0] == 4 and np.array_equal(both[2:], one)
    assert sorted(n.family for n in read_notes(tmp_path / "both")) == ["organ", "organ", "reed", "reed"]


def test_a_note_that_is_too_long_to_be_held_has_the_same_samples(monkeypatch, tmp_path):
    options = {"pitch": "C3", "family": "string", "velocity": 127, "attack": 0.3, "seconds": 45.0, "rate": 16_000}
    held = audiokit.generate(**options)
    monkeypatch.setattr(made, "_IN_MEMORY", 0)
    written: list[int] = []
    real = spool.Spool.write
    monkeypatch.setattr(spool.Spool, "write", lambda self, y: written.append(y.shape[1]) or real(self, y))
    filed = audiokit.generate(**options)
    assert sum(written) == 45 * 16_000 and max(written) < 45 * 16_000
    np.testing.assert_array_equal(filed.samples, held.samples)
    assert filed.notes.report == held.notes.report and filed.notes.warnings == held.notes.warnings


def test_latents_bring_a_sound_back(tmp_path):
    make(tmp_path / "one", {"pitch": "57", "family": "string"})
    make(tmp_path / "two", {"pitch": "57", "latent": str(tmp_path / "one" / "latents.npy"), "family": "string"})
    (first,), (second,) = read_notes(tmp_path / "one"), read_notes(tmp_path / "two")
    assert (read(first.path)[0] == read(second.path)[0]).all()


def test_like_keeps_the_pitch_and_the_character(tmp_path):
    write(tmp_path / "take.wav", synthetic_note(55, 110, bright=False), RATE)
    make(tmp_path / "like", {"like": str(tmp_path / "take.wav"), "count": 2}, settings={"seconds": 2.0})
    notes = read_notes(tmp_path / "like")
    assert {note.pitch for note in notes} == {55}
    loudness = []
    for note in notes:
        y = read(note.path)[0][0]
        assert abs(estimate_pitch(y, 16000) - 55) < 0.25
        loudness.append(y[16000:20000].std() / y[4000:8000].std())
    assert loudness[0] > 0.4  # the take does not decay


def test_a_named_recording_keeps_its_family_and_its_tone(tmp_path):
    t = np.arange(2 * RATE) / RATE
    hollow = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in (1, 3, 5)) * np.clip(t / 0.05, 0, 1)
    write(tmp_path / "clarinet_057.wav", (0.1 * hollow).astype(np.float32)[None], RATE)
    make(tmp_path / "like", {"like": str(tmp_path / "clarinet_057.wav")}, settings={"seconds": 2.0})
    (note,) = read_notes(tmp_path / "like")
    assert (note.family, note.pitch) == ("reed", 57)
    spectrum = np.abs(np.fft.rfft(read(note.path)[0][0, 4000:20000]))
    assert spectrum[440] < 0.1 * spectrum[220] < spectrum[660] < spectrum[220]


def test_interpolation_goes_from_one_sound_to_the_other(tmp_path):
    make(
        tmp_path / "path",
        {"pitch": "60", "interpolate": ("marimba", "church_organ"), "steps": 5},
        settings={"seconds": 2.0},
    )
    notes = sorted(read_notes(tmp_path / "path"), key=lambda n: n.name.split("_")[-1])
    sustain = [read(n.path)[0][0, 16000:20000].std() / read(n.path)[0][0, :4000].std() for n in notes]
    assert len(notes) == 5
    assert sustain[0] < 0.2 < sustain[-1]


def test_a_melody_is_played_where_the_score_says(tmp_path):
    write_midi(tmp_path / "song.mid", Score([Note(0.0, 0.5, 60), Note(1.0, 1.5, 67), Note(1.0, 1.2, 40, channel=9)]))
    make(tmp_path / "song.wav", {"instrument": "flute", "variety": 0.0}, midi=str(tmp_path / "song.mid"))
    y = read(tmp_path / "song.wav")[0][0]
    assert abs(len(y) - 2.5 * 16000) < 100
    assert abs(estimate_pitch(y[1600:8000], 16000) - 60) < 0.25
    assert abs(estimate_pitch(y[17600:24000], 16000) - 67) < 0.25
    assert y[int(0.9 * 16000) : int(0.99 * 16000)].std() < 0.1 * y[1600:8000].std()


def test_a_kit_names_samples_that_are_there(tmp_path):
    make(tmp_path / "kit", {"pitch": "48,60", "velocity": "50,120", "family": "guitar"}, kit=True)
    (sfz,) = (tmp_path / "kit").glob("*.sfz")
    lines = [line for line in sfz.read_text().splitlines() if line.startswith("<region>")]
    assert len(lines) == 4
    for line in lines:
        path = dict(part.split("=") for part in line.split()[1:])["sample"]
        assert (tmp_path / "kit" / path).exists()


def test_nsynth_layout_is_exact(tmp_path):
    make(tmp_path / "set", {"pitch": "60", "family": "reed"}, nsynth=True, settings={"reverb": 0.5})
    (note,) = read_notes(tmp_path / "set")
    y, info = read(note.path)
    assert (info.rate, info.subtype, y.shape) == (16000, "PCM_16", (1, 64000))
    assert note.path.parent.name == "audio"
    assert "reverb" in note.qualities


def test_knobs_do_what_they_say():
    quiet = {"instrument": "ocarina", "variety": 0.0, "seconds": 1.5, "rate": 16000}
    driven = [generate_note(pitch=60, distortion=d, **quiet).samples for d in (0, 0.3, 0.7, 1)]
    thd = [measure_thd(y[0, 4000:16000], 16000, 261.63) for y in driven]
    assert np.all(np.diff(thd) > 0)
    lengths = [generate_note(pitch=60, reverb=r, **quiet).samples.shape[1] for r in (0, 0.3, 1.0)]
    assert np.all(np.diff(lengths) > 8000)
    by_word = generate_note(pitch=60, qualities="distortion", **quiet).samples
    assert measure_thd(by_word[0, 4000:16000], 16000, 261.63) > 1.5 * thd[0]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--pitch", "C0", "-o", "x.wav"), 2, "24 to 96"),
        (("--pitch", "H2", "-o", "x.wav"), 2, "not a pitch"),
        (("--family", "kazoo", "-o", "x.wav"), 2, "keyboard"),
        (("--family", "organ,kazoo", "-o", "x/"), 2, "kazoo"),
        (("--family", "organ,reed", "--instrument", "flute", "-o", "x/"), 2, "name one"),
        (("--qualities", "shiny", "-o", "x.wav"), 2, "bright"),
        (("--velocity", "200", "-o", "x.wav"), 2, "1 to 127"),
        (("--pitch", "C3:C4", "-o", "x.wav"), 2, "folder"),
        (("--latent", "small.npy", "-o", "x.wav"), 5, "shape (3,)"),
        (("--latent", "none.npy", "-o", "x.wav"), 3, "no such file"),
        (("--latent", "text.mid", "-o", "x.wav"), 3, "text.mid: not a .npy array of numbers\nhint: --like takes"),
        (("--model", "nothing", "-o", "x.wav"), 5, "no such model"),
        (("--like", "missing.wav", "-o", "x.wav"), 3, "missing.wav"),
        (("--like", "a.wav", "--latent", "b.npy", "-o", "x.wav"), 2, "both say"),
        (("--seconds", "0", "-o", "x.wav"), 2, "0.05"),
        (("--midi", "text.mid", "-o", "x.wav"), 3, "text.mid"),
        ((), 2, "-o"),
    ],
)
def test_refusals_name_the_way_out(capsys, tmp_path, monkeypatch, arguments, status, said):
    from audiokit.cli import run as cli_run

    monkeypatch.chdir(tmp_path)
    np.save("small.npy", np.zeros(3, np.float32))
    (tmp_path / "text.mid").write_text("no score")
    assert cli_run(["generate", *arguments]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x.wav").exists()


def test_another_kind_of_model_is_refused(tmp_path):
    other = next(name for name in shipped() if not name.startswith("note"))
    with pytest.raises(audiokit.AudiokitError, match="is wanted") as caught:
        make(tmp_path / "x.wav", {"pitch": "60"}, model=other)
    assert caught.value.status == 5


def test_nearest_plays_what_there_is(tmp_path, capsys):
    make(tmp_path / "n.wav", {"pitch": "12"}, settings={"nearest": True}, quiet=False)
    assert abs(estimate_pitch(read(tmp_path / "n.wav")[0][0], 16000) - 24) < 0.4
    assert "played as 24" in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(tmp_path):
    make(tmp_path / "a.wav", {"pitch": "60"})
    before = (tmp_path / "a.wav").read_bytes()
    with pytest.raises(audiokit.AudiokitError, match="exists"):
        make(tmp_path / "a.wav", {"pitch": "64"})
    assert (tmp_path / "a.wav").read_bytes() == before
    make(tmp_path / "a.wav", {"pitch": "64"}, force=True)
    assert (tmp_path / "a.wav").read_bytes() != before


def test_shell_pipe_and_json(cli):
    done = cli("generate", "--pitch", "A4", "--seconds", "0.5", "--family", "flute", "-o", "-")
    assert done.stdout[:4] in (b"RIFF", b"RF64")
    done = cli("generate", "--pitch", "A4,C5", "--seconds", "0.5", "-o", "n/", "--json")
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [line["pitch"] for line in lines] == [69, 72]
    assert all(line["output"].endswith(".wav") for line in lines)


def test_the_command_and_python_make_the_same_bytes(tmp_path, cli):
    options = {"pitch": "C4,E4", "family": "organ", "count": 2, "seconds": 0.5, "rate": 16000}
    cli("generate", *("--pitch", "C4,E4", "--family", "organ", "--count", "2"),
        *("--seconds", "0.5", "--rate", "16000", "-o", "shell/"))  # fmt: skip
    notes = audiokit.generate(**options)
    assert len(notes.names) == 4
    assert notes.save(tmp_path / "python") == []
    shell = tmp_path / "shell"
    assert sorted(p.name for p in shell.iterdir()) == sorted(p.name for p in (tmp_path / "python").iterdir())
    for name in ("latents.npy", "examples.json"):
        assert (shell / name).read_bytes() == (tmp_path / "python" / name).read_bytes()
    for name, note in notes:
        saved, about = read(shell / f"{name}.wav")
        np.testing.assert_allclose(note.samples, saved, atol=2**-23)
        assert [entry["name"] for entry in about.history] == ["generate"] == [e["name"] for e in note.history]
    np.testing.assert_array_equal(notes[notes.names[2]].samples, audiokit.generate(**options)[notes.names[2]].samples)


def test_python_takes_numbers_and_arrays(tmp_path):
    between = audiokit.generate(pitch=60.5, family="organ", seconds=1, rate=16000)
    assert between.channels == 1 and between.rate == 16000
    assert abs(estimate_pitch(between.samples[0], 16000) - 60.5) < 0.2
    make(tmp_path / "one", {"pitch": "57", "family": "string"})
    latents = np.load(tmp_path / "one" / "latents.npy")
    back = audiokit.generate(pitch=57, latent=latents, family="string", velocity=100, **QUICK)
    (first,) = read_notes(tmp_path / "one")
    np.testing.assert_allclose(back.samples, read(first.path)[0], atol=2**-23)


def test_kits_and_melodies_mean_the_same_from_python(tmp_path):
    kit = audiokit.generate(pitch="48,60", velocity="50", family="guitar", kit=True, **QUICK)
    assert kit.save(tmp_path / "kit") == []
    assert len(list((tmp_path / "kit").glob("*.sfz"))) == 1 and len(list((tmp_path / "kit").rglob("*.wav"))) == 2
    write_midi(tmp_path / "song.mid", Score([Note(0.0, 0.5, 60), Note(1.0, 1.5, 67)]))
    song = audiokit.generate(midi=tmp_path / "song.mid", instrument="flute", rate=16000)
    assert abs((song.length or 0) - 2.5 * 16000) < 100 and song.notes.report["notes"] == 2


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"pitch": "H4"}, audiokit.AudiokitError, "not a pitch"),
        ({"pitch": 200}, audiokit.AudiokitError, "outside 0..127"),
        ({"kit": True, "nsynth": True}, audiokit.AudiokitError, "three kinds"),
        ({"like": "a.wav", "instrument": "flute"}, audiokit.AudiokitError, "both say"),
        ({"rate": 10}, audiokit.AudiokitError, "--rate"),
        ({"loudness": 3}, TypeError, "loudness"),
    ],
)
def test_python_refuses_what_the_command_refuses(options, error, says):
    with pytest.raises(error, match=says):
        audiokit.generate(**options)
    with pytest.raises(TypeError, match="by name"):
        audiokit.generate(69)


def test_a_folder_that_is_there_gets_the_notes_and_keeps_what_it_has(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    make(tmp_path / "notes", {"pitch": "60"})
    assert len(read_notes(tmp_path / "notes")) == 1
    with pytest.raises(audiokit.AudiokitError, match=r"examples\.json: exists"):
        make(tmp_path / "notes", {"pitch": "64"})
    make(tmp_path / "notes", {"pitch": "64"}, force=True)
    assert [note.pitch for note in read_notes(tmp_path / "notes")] == [64]
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep"


def test_schema_says_that_nothing_is_read(cli):
    schema = json.loads(cli("generate", "--schema").stdout)
    assert schema["reads"] == [] and schema["writes"] == ["parts", "audio"]
    assert schema["options"]["count"] == {
        "type": "integer", "flag": "--count",
        "description": "Sounds to draw of each family; each plays every pitch and velocity.",
        "default": 1, "minimum": 1,
    }  # fmt: skip
    assert schema["options"]["pitch"]["type"] == ["string", "number"]


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ([], b"x.mid: holds no notes to play"),
        ([Note(0, 1, 60), Note(90_000, 90_001, 60)], b"x.mid: lasts 25.0 hours; 6 are played at most"),
    ],
)
def test_scores_that_cannot_be_played_are_named(cli, tmp_path, notes, reason):
    write_midi(tmp_path / "x.mid", Score(notes))
    assert reason in cli("generate", "--midi", "x.mid", "-o", "x.wav", status=3).stderr
    assert not (tmp_path / "x.wav").exists()
