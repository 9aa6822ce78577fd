"""`audiokit score` from the shell."""

import json

import pytest

from audiokit.io.audio import write
from tests.signals import noise, plucks

RATE = 22_050


@pytest.fixture
def pair(tmp_path, rng):
    y = plucks(rng, 2, RATE)
    write(tmp_path / "ref.wav", y, RATE)
    write(tmp_path / "est.wav", y + noise(rng, 2, RATE, 0.001), RATE)
    return tmp_path


def test_table_and_json(cli, pair):
    assert b"si_sdr_db" in cli("score", "est.wav", "--ref", "ref.wav").stdout
    found = json.loads(cli("score", "est.wav", "--ref", "ref.wav", "--json", "--metrics", "si_sdr,loudness").stdout)
    assert set(found["scores"]) == {"si_sdr_db", "loudness_lu"} and found["reference"] == "ref.wav"
    assert 30 < found["scores"]["si_sdr_db"] < 50


def test_without_reference_the_file_is_checked(cli, pair):
    found = json.loads(cli("score", "est.wav", "--json").stdout)["scores"]
    assert set(found) == {"clipped", "dc", "silent", "clicks_per_min", "bandwidth_hz"}


def test_limits_fail_a_makefile(cli, pair):
    cli("score", "est.wav", "--ref", "ref.wav", "--fail-under", "si_sdr_db=20", "--fail-over", "lsd_db=50")
    failed = cli("score", "est.wav", "--ref", "ref.wav", "--fail-under", "si_sdr_db=90", status=7)
    assert b"si_sdr_db" in failed.stderr and b"under 90" in failed.stderr
    cli("score", "est.wav", "--ref", "ref.wav", "--fail-under", "beauty=1", status=2)
    cli("score", "est.wav", "--ref", "ref.wav", "--fail-under", "si_sdr_db", status=2)
    for number in ("nan", "inf", "-inf"):  # a gate that nothing fails, or passes
        for gate in ("--fail-under", "--fail-over"):
            done = cli("score", "est.wav", "--ref", "ref.wav", gate, f"si_sdr_db={number}", status=2)
            assert b"not NAME=NUMBER" in done.stderr


def test_folders_pair_by_name_and_compare_as_wholes(cli, tmp_path, rng):
    for k in range(2):
        y = plucks(rng, 2, RATE)
        for folder in ("truth", "made"):
            (tmp_path / folder).mkdir(exist_ok=True)
        write(tmp_path / f"truth/{k}.flac", y, RATE)
        write(tmp_path / f"made/{k}.wav", y + noise(rng, 2, RATE, 0.001), RATE)
    done = cli("score", "made", "--ref", "truth", "--metrics", "si_sdr,lsd")
    assert b"mean" in done.stdout and b"frechet" in done.stdout
    lines = [json.loads(line) for line in cli("score", "made", "--ref", "truth", "--json").stdout.splitlines()]
    assert len(lines) == 3 and "mel" in lines[-1]["embedding"]
    (tmp_path / "truth/1.flac").unlink()
    assert b"1.*" in cli("score", "made", "--ref", "truth", status=3).stderr


def test_stems_are_evaluated_together(cli, tmp_path, rng):
    for folder in ("truth", "made"):
        (tmp_path / folder).mkdir()
    tones, hiss = plucks(rng, 2, RATE), noise(rng, 2, RATE, 0.05)
    for name, source, other in (("tones", tones, hiss), ("hiss", hiss, tones)):
        write(tmp_path / f"truth/{name}.wav", source, RATE)
        write(tmp_path / f"made/{name}.wav", source + 0.1 * other, RATE)
    lines = [json.loads(x) for x in cli("score", "made", "--ref", "truth", "--stems", "--json").stdout.splitlines()]
    for line in lines:
        assert line["scores"]["sir_db"] < line["scores"]["sar_db"]  # all that is wrong is the other source


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["est.wav", "--ref", "gone.wav"], 3),
        (["est.wav", "--metrics", "beauty"], 2),
        (["est.wav", "--metrics", ""], 2),
        (["est.wav", "--metrics", "pesq"], 2),
        (["est.wav", "--stems"], 2),
    ],
    ids=str,
)
def test_wrong_use(cli, pair, arguments, status):
    cli("score", *arguments, status=status)


def test_what_is_empty_is_named(cli, tmp_path, rng):
    """In a folder nobody would know which it was; by itself it has its checks."""
    write(tmp_path / "full.wav", noise(rng, 0.5), 22_050)
    write(tmp_path / "empty.wav", noise(rng, 0.5)[:, :0], 22_050)
    for one, other in (("empty.wav", "full.wav"), ("full.wav", "empty.wav")):
        done = cli("score", one, "--ref", other, status=3)
        assert b"empty.wav: holds no audio" in done.stderr
    assert json.loads(cli("score", "empty.wav", "--json").stdout)["scores"]["silent"] == 1
