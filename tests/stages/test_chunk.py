"""`chunk` as a program: pieces that join to the sample, as files, chunk sets and streams."""

import json

import numpy as np
import pytest
import soundfile

import audiokit
from audiokit import chunk
from audiokit.engine.sound import Sound
from audiokit.errors import ParameterError, UsageError
from audiokit.io import audio
from audiokit.io.chunkset import open_chunks
from tests import signals
from tests.drums import pattern

RATE = 8000


@pytest.fixture
def song(tmp_path, rng):
    y = signals.plucks(rng, 5.3, RATE, channels=2)
    audio.write(tmp_path / "song.wav", y, RATE, subtype="PCM_24")
    return audio.read(tmp_path / "song.wav")[0]


@pytest.mark.parametrize("options", [["--overlap", "50%"], ["--overlap", "0.25s", "--tail", "pad"], []])
def test_files_join_again(cli, song, tmp_path, options):
    cli("chunk", "song.wav", "--every", "1s", *options, "-o", "pieces/")
    index = json.loads((tmp_path / "pieces/song/pieces.json").read_text())
    assert index["length"] == song.shape[1] and index["items"][1]["start"] == index["items"][0]["stop"] - (
        RATE // 2 if "50%" in options else RATE // 4 if "pad" in options else 0
    )
    first, info = audio.read(tmp_path / "pieces/song/000000.wav")
    assert info.subtype == "PCM_24" and np.array_equal(first, song[:, :RATE])
    assert info.history[-1]["span"] == [0, RATE]
    cli("chunk", "--join", "pieces/song", "-o", "back.wav")
    assert np.array_equal(audio.read(tmp_path / "back.wav")[0], song)


def test_chunk_set_and_stream(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "0.5s", "--tail", "pad", "--format", "chunks", "-o", "sets/")
    chunks = open_chunks(tmp_path / "sets/song.chunks")
    chunks.verify()
    assert chunks.head.kind == "audio" and {array.shape for _, array in chunks} == {(2, RATE // 2)}
    stream = cli("chunk", "-", "--every", "0.7s", "-o", "-", stdin=(tmp_path / "song.wav").read_bytes()).stdout
    for source, data in (("sets/song.chunks", b""), ("-", stream)):
        cli("chunk", source, "--join", "-o", "back.wav", "--force", stdin=data)
        assert np.array_equal(audio.read(tmp_path / "back.wav")[0], song)


def test_tail_drop_and_folders(cli, song, tmp_path):
    (tmp_path / "songs/deep").mkdir(parents=True)
    for path in ("songs/one.wav", "songs/deep/two.wav"):
        (tmp_path / path).write_bytes((tmp_path / "song.wav").read_bytes())
    cli("chunk", "songs", "--every", "2s", "--tail", "drop", "-o", "out/", "--jobs", "2")
    assert len(list((tmp_path / "out/one").glob("*.wav"))) == len(list((tmp_path / "out/deep/two").glob("*.wav"))) == 2


def test_at_silence(cli, tmp_path, rng):
    y = np.concatenate([signals.noise(rng, 1.2, RATE), np.zeros((1, 4000)), signals.noise(rng, 1.5, RATE)], axis=1)
    audio.write(tmp_path / "talk.wav", y.astype(np.float32), RATE)
    cli("chunk", "talk.wav", "--at", "silence", "--min", "0.5s", "--max", "3s", "-o", "takes/")
    items = json.loads((tmp_path / "takes/talk/pieces.json").read_text())["items"]
    assert len(items) == 2 and abs(items[0]["stop"] / RATE - 1.45) < 0.02


def test_at_beats(cli, tmp_path):
    made = pattern("rock", 110, 21, seconds=10)
    audio.write(tmp_path / "drums.wav", made.y, made.rate)
    cli("chunk", "drums.wav", "--at", "beats", "--beats", 4, "--tail", "drop", "-o", "bars/")
    items = json.loads((tmp_path / "bars/drums/pieces.json").read_text())["items"]
    lengths = [(item["stop"] - item["start"]) / made.rate for item in items]
    assert np.allclose(lengths[:-1], 4 * 60 / 110, atol=0.01)
    starts = np.array([item["start"] for item in items]) / made.rate
    assert max(np.abs(made.beats_s - start).min() for start in starts) < 0.01


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "say where to cut"),
        (["--every", "1s", "--at", "beats"], 2, "say where to cut"),
        (["--every", "1s", "--overlap", "100%"], 2, "not less than the piece"),
        (["--every", "1s", "--overlap", "x%"], 2, "not a percentage"),
        (["--every", "soon"], 2, "not a duration"),
        (["--at", "noon"], 2, "not one of beats, silence"),
        (["--at", "silence", "--min", "9s", "--max", "3s"], 2, "--min"),
    ],
)
def test_refusals(cli, song, tmp_path, arguments, status, words):
    assert words in cli("chunk", "song.wav", *arguments, "-o", "out/", status=status).stderr.decode()
    assert not (tmp_path / "out/song").exists()


def test_a_missing_piece_is_damage(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "1s", "-o", "pieces/")
    index = tmp_path / "pieces/song/pieces.json"
    data = json.loads(index.read_text())
    del data["items"][2]
    index.write_text(json.dumps(data))
    assert "missing between" in cli("chunk", "--join", "pieces/song", "-o", "x.wav", status=4).stderr.decode()
    assert not (tmp_path / "x.wav").exists()


def test_a_folder_holds_recordings_to_cut_or_sets_to_join(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "1s", "-o", "mixed/set.tar")
    (tmp_path / "song.wav").rename(tmp_path / "mixed/song.wav")
    assert cli("chunk", "mixed", "--every", "1s", "-o", "out/", "--dry-run").stdout == b"mixed/song.wav -> out/song\n"
    assert cli("chunk", "mixed", "--join", "-o", "out/", "--dry-run").stdout == b"mixed/set.tar -> out/set.wav\n"
    assert b"not audio" in cli("chunk", "mixed/set.tar", "--every", "1s", "-o", "out/", status=3).stderr


def test_pieces_are_found_in_the_folder_that_chunk_was_told(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "0.5s", "--overlap", "0.1s", "-o", "parts/")
    cli("chunk", "parts/", "--join", "-o", "back.wav")
    np.testing.assert_array_equal(audio.read(tmp_path / "back.wav")[0], audio.read(tmp_path / "song.wav")[0])
    np.testing.assert_array_equal(audiokit.chunk(tmp_path / "parts", join=True).samples, song)
    (tmp_path / "other.wav").write_bytes((tmp_path / "song.wav").read_bytes())
    cli("chunk", "other.wav", "--every", "0.5s", "-o", "parts/")
    said = cli("chunk", "parts/", "--join", "-o", "two.wav", status=2).stderr.decode()
    assert "holds the pieces of 2 sounds" in said and "hint: name one, such as parts/other" in said


def test_joining_is_a_step_of_a_chain(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "1s", "--overlap", "25%", "-o", "pieces/")
    cli("run", "chunk --join | normalize --to -20", "pieces/song", "-o", "chain.wav")
    cli("chunk", "--join", "pieces/song", "-o", "whole.wav", "--subtype", "FLOAT")
    cli("normalize", "whole.wav", "--to", "-20", "-o", "steps.wav")
    (chain, about), (steps, _) = (audio.read(tmp_path / name) for name in ("chain.wav", "steps.wav"))
    assert np.array_equal(chain, steps)
    assert [entry["name"] for entry in about.history] == ["chunk", "chunk", "normalize"]
    # How the pieces were cut is no part of how they are joined.
    assert about.history[1]["options"] == {"join": True, "clip": "rescale"}
    whole = cli("run", "normalize | chunk --join", "song.wav", "-o", "x.wav", status=2)
    assert b"chunk reads chunks, but normalize writes audio" in whole.stderr
    again = cli("run", "chunk --every 1s | chunk --every 1s", "song.wav", "-o", "x/", status=2)
    assert b"makes several sounds already" in again.stderr


def test_pieces_do_not_take_the_place_of_the_recording(cli, song, tmp_path):
    """Also with --force: a folder called song.wav is what nobody wants."""
    before = (tmp_path / "song.wav").read_bytes()
    done = cli("chunk", "song.wav", "--every", "1s", "-o", "song.wav", "--force", status=2)
    assert b"do not fit into song.wav" in done.stderr and (tmp_path / "song.wav").read_bytes() == before


def test_reports_say_rate_channels_and_seconds(cli, song, tmp_path):
    for out in ("pieces/", "song.chunks"):
        report = json.loads(cli("chunk", "song.wav", "--every", "0.3s", "-o", out, "--json").stdout)
        assert (report["pieces"], report["rate"], report["channels"]) == (18, RATE, 2)
        assert report["seconds"] == round(song.shape[1] / RATE, 6)


def test_python_callers_get_pieces_of_paths_and_arrays(song, tmp_path):
    y = song.copy()
    pieces = audiokit.chunk(song, RATE, every=2, tail="drop")
    assert list(pieces) == ["000000", "000001"] and np.array_equal(song, y)
    np.testing.assert_array_equal(pieces["000001"], song[:, 2 * RATE : 4 * RATE])
    as_set = audiokit.chunk(song, RATE, every="2s", tail="drop", format="chunks")
    np.testing.assert_equal(as_set, pieces)
    parts = audiokit.chunk(tmp_path / "song.wav", every=2, tail="drop")
    assert isinstance(parts, audiokit.Parts)
    np.testing.assert_array_equal(parts["000001"].samples, pieces["000001"])
    parts = audiokit.chunk(tmp_path / "song.wav", every=2)
    parts.save(tmp_path / "saved")
    audiokit.chunk(tmp_path / "song.wav", every=2, format="chunks").save(tmp_path / "saved.chunks")
    for source in ("saved", "saved/pieces.json", "saved.chunks"):
        np.testing.assert_array_equal(audiokit.chunk(tmp_path / source, join=True).samples, song)


@pytest.mark.parametrize(
    ("y", "rate", "options", "error", "says"),
    [
        (np.zeros((2, 800), np.float32), None, {"every": 1}, ParameterError, "rate of the audio"),
        (np.zeros((2, 800), np.int16), RATE, {"every": 1}, ParameterError, "not int16"),
        (np.zeros((800, 2), np.float32), RATE, {"every": 1}, ParameterError, "channels, samples"),
        (np.zeros((2, 800), np.float32), RATE, {}, UsageError, "where to cut"),
        (np.zeros((2, 800), np.float32), RATE, {"every": 1, "tail": "fold"}, ParameterError, "--tail fold: not one of"),
        (np.zeros((2, 800), np.float32), RATE, {"join": True}, UsageError, "one sound"),
    ],
    ids=["no rate", "int16", "transposed", "nowhere", "choice", "join"],
)
def test_python_callers_are_refused_in_one_sentence(y, rate, options, error, says):
    with pytest.raises(error, match=says):
        audiokit.chunk(y, rate, **options)


def test_the_schema_names_where_to_cut(cli):
    found = json.loads(cli("chunk", "--schema").stdout)
    assert found["reads"] == ["audio", "chunks"] and found["writes"] == ["parts", "chunks", "audio"]
    assert found["options"]["at"]["enum"] == ["beats", "silence"]
    assert found["options"]["min"]["flag"] == "--min" and found["options"]["join"]["type"] == "boolean"


def test_joined_pieces_are_called_like_their_folder(cli, song, tmp_path):
    cli("chunk", "song.wav", "--every", "1s", "-o", "pieces/")
    cli("chunk", "--join", "pieces", "-o", "whole/")
    assert [p.name for p in (tmp_path / "whole").iterdir()] == ["song.wav"]
    (tmp_path / "pieces/song/000001.wav").unlink()
    done = cli("chunk", "--join", "pieces/song", "-o", "again.wav", status=4)
    assert b"000001.wav: listed in pieces.json but missing" in done.stderr


def test_force_replaces_no_folder_that_holds_the_work_of_others(cli, song, tmp_path):
    """The folder of pieces is replaced as a whole, so nothing else may be in it."""
    (tmp_path / "out/song").mkdir(parents=True)
    (tmp_path / "out/song/thesis.doc").write_text("years of work")
    line = ("chunk", "song.wav", "-o", "out/", "--force", "--every")
    assert b"out/song: holds thesis.doc, which would be lost" in cli(*line, "1s", status=3).stderr
    assert (tmp_path / "out/song/thesis.doc").read_text() == "years of work"
    (tmp_path / "out/song/thesis.doc").unlink()
    cli(*line, "0.5s")
    many = len(list((tmp_path / "out/song").iterdir()))
    cli(*line, "1s")
    assert 2 < len(list((tmp_path / "out/song").iterdir())) < many  # none of the earlier cut is left
    cli("run", "chunk --every 1s | spectro", "song.wav", "-o", "out/", "--force")
    cli("run", "chunk --every 1s | spectro", "song.wav", "-o", "out/", "--force")
    (tmp_path / "out/song/000000.chunks/notes.txt").write_text("mine")
    done = cli("run", "chunk --every 1s | spectro", "song.wav", "-o", "out/", "--force", status=3)
    assert b"000000.chunks: holds notes.txt" in done.stderr


def test_pieces_of_16_bits_are_copied_to_the_bit(tmp_path, rng, monkeypatch):
    whole = rng.integers(-32768, 32768, (2, 30_001)).astype(np.int16)
    whole[:, :4] = [[-32768, 32767, -1, 1]] * 2
    soundfile.write(tmp_path / "a.wav", whole.T, 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "a.flac", whole.T, 8000, subtype="PCM_16")
    for source, suffix in (("a.wav", "wav"), ("a.flac", "wav"), ("a.wav", "flac")):
        out = tmp_path / f"{source}-{suffix}"
        chunk(Sound.open(tmp_path / source), every=1.0, overlap="25%", tail="pad", format=suffix).save(out)
        pieces = [soundfile.read(path, dtype="int16")[0].T for path in sorted(out.glob(f"*.{suffix}"))]
        padded = np.pad(whole, ((0, 0), (0, 8000)))
        assert len(pieces) == 5
        for number, piece in enumerate(pieces):
            assert np.array_equal(piece, padded[:, 6000 * number : 6000 * number + 8000])
    # The way over fractions gives the same files, headers included.
    monkeypatch.setattr(Sound, "numbers", lambda self: None)
    chunk(Sound.open(tmp_path / "a.wav"), every=1.0, overlap="25%", tail="pad").save(tmp_path / "over")
    for path in (tmp_path / "over").glob("*.wav"):
        assert path.read_bytes() == (tmp_path / "a.wav-wav" / path.name).read_bytes()


def test_pieces_of_16_bits_are_fractions_in_chains(tmp_path, rng):
    whole = rng.integers(-32768, 32768, (1, 9000)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", whole.T, 8000, subtype="PCM_16")
    pieces = [sound.samples for _, sound in chunk(Sound.open(tmp_path / "a.wav"), every=0.5)]
    assert all(piece.dtype == np.float32 for piece in pieces)
    assert np.array_equal(np.concatenate(pieces, axis=1), Sound.open(tmp_path / "a.wav").samples)
