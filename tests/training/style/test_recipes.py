"""The style recipes learn, resume to the same bits, and leave a model folder with samples."""

import json

import numpy as np
import pytest
import torch

from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.errors import InputError, ModelError, ParameterError
from audiokit.io.audio import read, write
from audiokit.models.folder.checkpoint import load
from audiokit.training.engine.loop import Every, fit
from audiokit.training.style.adversarial import gan_loss
from audiokit.training.style.cyclegan import CycleGan, CycleGanSettings
from audiokit.training.style.data import Crops, PairedCrops, open_tracks
from audiokit.training.style.image_pool import ImagePool
from audiokit.training.style.pix2pix import (
    ChromaLikeness,
    Pix2Pix,
    Pix2PixSettings,
    coarse_distance,
    texture_distance,
)
from audiokit.training.style.style import paired_distance
from tests.signals import plucks

FRONTEND = standard_frontend(frames=32, position=True)
SMALL = {"generator": "resnet", "ngf": 4, "blocks": 1, "ndf": 4, "output": "residual", "rate": 5e-3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Side b is side a through a low-pass and 6 dB louder: a transfer that is easy to learn and to check."""
    root = tmp_path_factory.mktemp("sides")
    rng = np.random.default_rng(3)
    for k in range(3):
        y = plucks(rng, 4.0)
        spectrum = np.fft.rfft(y, axis=1)
        spectrum *= np.exp(-np.linspace(0, 12, spectrum.shape[1]))
        write(root / "a" / f"{k}.wav", y, 22050, subtype="FLOAT")
        write(root / "b" / f"{k}.wav", np.fft.irfft(spectrum, n=y.shape[1]).astype(np.float32), 22050, subtype="FLOAT")
    return root


def tracks(folders, cache, side):
    return open_tracks(folders / side, FRONTEND, cache=cache)


def train(recipe, folder, steps, **options):
    return fit(recipe, folder=folder, steps=steps, every=Every(50, log=10), quiet=True, **options)


def paired(folders, tmp_path, **settings):
    a, b = (tracks(folders, tmp_path / "cache", side) for side in "ab")
    settings = Pix2PixSettings(**{**SMALL, "norm": "batch", **settings})
    return Pix2Pix(a[:2], b[:2], frontend=FRONTEND, settings=settings, held=(a[2:], b[2:]))


def unpaired(folders, tmp_path, **settings):
    a, b = (tracks(folders, tmp_path / "cache", side) for side in "ab")
    settings = CycleGanSettings(**{**SMALL, **settings})
    return CycleGan(a[:2], b[:2], frontend=FRONTEND, settings=settings, held=(a[2:], b[2:]), paired=True)


@pytest.mark.parametrize("adversarial", [0.0, 1.0])
def test_pix2pix_learns_a_filter(folders, tmp_path, adversarial):
    recipe = paired(folders, tmp_path, adversarial=adversarial, eq_db=1.0, level_db=3.0)
    values = train(recipe, tmp_path / "run", 50, average=0.8)
    assert values["distance_db"] < 0.8 * values["input_distance_db"]


def test_pix2pix_learns_by_features_averages_and_chroma(folders, tmp_path):
    recipe = paired(folders, tmp_path, matching=10.0, coarse=1.0, chroma=0.9)
    values = train(recipe, tmp_path / "run", 50, average=0.8)
    assert values["distance_db"] < 0.8 * values["input_distance_db"]


@pytest.mark.parametrize(
    "option", [{"coarse": 5.0}, {"texture": 5.0}, {"chroma": 1.0}, {"adversarial": 1.0, "matching": 10.0}]
)
def test_what_is_asked_beside_the_distance_moves_the_generator(folders, tmp_path, option):
    wanted = {"adversarial": 0.0, "l1": 0.0 if "matching" in option else 1.0, **option}
    plain = {**wanted, **dict.fromkeys(option.keys() - {"adversarial"}, 0.0)}
    moved = []
    for settings in (wanted, plain):
        recipe = paired(folders, tmp_path, **settings)
        recipe.step(np.random.default_rng(0), 0)
        moved.append(torch.cat([p.grad.flatten() for p in recipe.G.parameters()]))
    assert not torch.allclose(moved[0], moved[1], rtol=1e-2, atol=1e-8)


def test_features_are_matched_only_with_a_discriminator():
    with pytest.raises(ParameterError, match="adversarial"):
        Pix2PixSettings(matching=10.0, adversarial=0.0)


def test_chroma_is_kept_an_octave_higher_and_lost_a_fifth_higher():
    hz = FRONTEND.centres * FRONTEND.transform.rate / FRONTEND.transform.n_fft

    def tone(pitch_hz):
        x = torch.full((1, 1, FRONTEND.bins, 8), -1.0)
        x[:, :, int(np.argmin(np.abs(hz - pitch_hz)))] = 1.0
        return x

    likeness, low = ChromaLikeness(FRONTEND), hz[int(np.argmin(np.abs(hz - 880)))]
    assert likeness(tone(low), tone(low)) == pytest.approx(1, abs=1e-4)
    assert likeness(tone(low), tone(2 * low)) > 0.8
    assert likeness(tone(low), tone(1.5 * low)) < 0.2


def test_coarse_distance_hears_levels_and_not_where_a_frame_lies(rng):
    x = torch.from_numpy(rng.normal(size=(1, 1, 8, 64)).astype(np.float32))
    shuffled = x[..., torch.randperm(64, generator=torch.Generator().manual_seed(0))]
    assert coarse_distance(x, x + 0.5) == pytest.approx(0.5, abs=1e-5)
    assert coarse_distance(x, shuffled) < 0.5 * (x - shuffled).abs().mean()
    assert coarse_distance(x[..., :4], x[..., :4]) == 0


def test_texture_distance_hears_how_rows_move_and_neither_levels_nor_when(rng):
    x = torch.from_numpy(rng.normal(size=(1, 1, 8, 256)).astype(np.float32))
    assert texture_distance(x, x + 0.5) == pytest.approx(0, abs=1e-5)
    assert texture_distance(x, torch.roll(x, 5, dims=3)) < 0.1 * texture_distance(x, 0.5 * x)
    # as wide, but it rises half as steeply
    slow = torch.sin(torch.arange(256) * 2 * np.pi / 32)[None, None, None]
    fast = torch.sin(torch.arange(256) * 2 * np.pi / 16)[None, None, None]
    rises = 4 * (2 / 16 - 2 / 32)  # a sine rises by 2 in a period
    assert texture_distance(slow, fast) == pytest.approx(rises, rel=0.03)
    assert texture_distance(x[..., :4], x[..., :4]) == 0


def test_inputs_fade_faster_and_slower_by_no_more_than_asked(folders, tmp_path):
    still, drawn = (paired(folders, tmp_path, decay=d)._draw(np.random.default_rng(1))[0] for d in (1.0, 1.5))
    sounds = (still > -1) & (drawn > -1) & (still < 0.9)
    factor = ((1 - drawn[sounds]) / (1 - still[sounds])).numpy()
    assert np.ptp(factor) < 1e-3 and 1 / 1.5 <= factor.mean() <= 1.5 and abs(factor.mean() - 1) > 0.01


def test_cyclegan_learns_to_keep_and_to_come_back(folders, tmp_path):
    recipe = unpaired(folders, tmp_path)
    start = paired_distance(recipe.to_b, recipe.held, FRONTEND, torch.device("cpu"))["distance_db"]
    values = train(recipe, tmp_path / "run", 30, average=0.8)
    assert values["distance_db"] < 0.85 * start
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1]["cycle"] < losses[0]["cycle"]
    assert set(losses[0]) == {"adversarial", "cycle", "identity", "discriminator"}


def test_the_verdict_alone_moves_both_generators(folders, tmp_path):
    recipe = unpaired(folders, tmp_path, cycle=0.0)
    before = [p.clone() for p in (*recipe.G_A.parameters(), *recipe.G_B.parameters()) if p.ndim == 4]
    recipe.step(np.random.default_rng(0), 0)
    after = [p for p in (*recipe.G_A.parameters(), *recipe.G_B.parameters()) if p.ndim == 4]
    assert all(not torch.equal(x, y) for x, y in zip(before, after, strict=True))


def test_run_folder_holds_both_ways_samples_and_a_card(folders, tmp_path):
    recipe = unpaired(folders, tmp_path)
    recipe.card = {"labels": {"from": "pluck", "to": "dull"}, "licence": "CC0-1.0"}
    train(recipe, tmp_path / "run", 2)
    for folder, labels in (("run", ("pluck", "dull")), ("run/G_B", ("dull", "pluck"))):
        network, card = load(str(tmp_path / folder), kind="stylize")
        assert (card["labels"]["from"], card["labels"]["to"]) == labels and card["licence"] == "CC0-1.0"
        source = recipe.G_A if folder == "run" else recipe.G_B
        assert network.state_dict().keys() == source.state_dict().keys()
    samples = sorted(path.name for path in (tmp_path / "run/samples").iterdir())
    assert samples == [f"00000002-G_{side}-0.{ext}" for side in "AB" for ext in ("png", "wav")]
    y, info = read(tmp_path / "run/samples" / samples[1])
    assert info.rate == 22050 and np.abs(y).max() > 0.01


@pytest.mark.parametrize("make", [paired, unpaired])
def test_resumed_run_has_the_same_bits(folders, tmp_path, make):
    train(make(folders, tmp_path), tmp_path / "whole", 6)
    train(make(folders, tmp_path), tmp_path / "parts", 4)
    train(make(folders, tmp_path), tmp_path / "parts", 6)
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    for key in ("modules", "ema"):
        for name in whole[key]:
            assert all(torch.equal(v, parts[key][name][k]) for k, v in whole[key][name].items())
    if make is unpaired:
        pools = zip(whole["recipe"]["A"], parts["recipe"]["A"], strict=True)
        assert all(torch.equal(x, y) for x, y in pools)


def test_discriminator_gets_no_gradient_from_the_generator_step_and_back(folders, tmp_path):
    recipe = unpaired(folders, tmp_path, rate=0.0)
    before = [p.clone() for network in recipe.modules().values() for p in network.parameters()]
    recipe.step(np.random.default_rng(0), 0)
    after = [p for network in recipe.modules().values() for p in network.parameters()]
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))
    assert all(p.requires_grad for p in after[len(after) // 2 :])


@pytest.mark.parametrize("kind", ["lsgan", "vanilla"])
def test_adversarial_losses_are_the_authors(shared, kind):
    golden = json.loads((shared / "golden/models/pix2pix_networks/ganloss.json").read_text())
    logits = torch.linspace(-2, 2, 36).reshape(1, 1, 6, 6)
    mine = [float(gan_loss(logits, real, kind=kind)) for real in (True, False)]
    assert mine == pytest.approx(golden["values_true_false"][kind], abs=1e-6)


def test_pool_hands_out_old_fakes_half_of_the_time():
    pool, rng = ImagePool(50), np.random.default_rng(0)
    images = torch.arange(1000.0)[:, None]
    out = torch.cat([pool.swap(image[None], rng) for image in images])
    assert torch.equal(out[:50], images[:50]) and len(pool.images) == 50
    old = (out[50:] != images[50:]).double().mean()
    assert 0.42 < old < 0.58
    assert torch.equal(ImagePool(0).swap(images, rng), images)


def test_crops_lie_inside_and_pairs_lie_together(folders, tmp_path, rng):
    a, b = (tracks(folders, tmp_path, side) for side in "ab")
    x, y = PairedCrops(a, b, 32).draw(rng, 6)
    assert x.shape == y.shape == (6, 1, 128, 32)
    assert x.min() >= -1 and x.max() <= 1 and x.std() > 0.1
    onset = np.argmax(np.diff(x[:, 0, :20].mean(axis=1), axis=1), axis=1)
    onset_b = np.argmax(np.diff(y[:, 0, :20].mean(axis=1), axis=1), axis=1)
    assert np.median(np.abs(onset - onset_b)) <= 1
    with pytest.raises(InputError, match="partner"):
        PairedCrops(a[:2], b, 32)
    with pytest.raises(ParameterError):
        Crops(a, 0)


def test_cut_equals_the_whole_picture(folders, tmp_path):
    track = tracks(folders, tmp_path, "a")[0]
    whole = track.cut(0, track.frames)
    assert np.allclose(track.cut(40, 32), whole[:, 40:72], atol=1e-4)
    beyond = track.cut(track.frames - 10, 32)
    assert np.allclose(beyond[:, :10], whole[:, -10:], atol=1e-4) and np.all(beyond[:, 16:] == -1)


def test_chunk_sets_give_the_same_pictures_as_their_audio(folders, tmp_path, cli):
    cli("spectro", folders / "a", "-o", f"{tmp_path}/sets/", "--preset", "cyclegan-music", "--mono")
    from_sets = open_tracks(tmp_path / "sets", FRONTEND, cache=tmp_path / "cache")
    from_audio = tracks(folders, tmp_path / "cache", "a")
    assert len(from_sets) == len(from_audio) == 3
    assert np.allclose(from_sets[1].cut(30, 64), from_audio[1].cut(30, 64), atol=1e-3)
    cli("spectro", folders / "a", "-o", f"{tmp_path}/other/", "--preset", "melgan")
    with pytest.raises(InputError, match="the model sees mel") as caught:
        open_tracks(tmp_path / "other", FRONTEND, cache=tmp_path / "cache")
    assert "--preset cyclegan-music" in caught.value.hint


def test_decoded_once(folders, tmp_path, monkeypatch):
    tracks(folders, tmp_path, "a")
    monkeypatch.setattr("audiokit.io.audio.read", None)
    assert len(tracks(folders, tmp_path, "a")) == 3


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_out_of_memory_names_what_to_lower_and_keeps_the_run(folders, tmp_path, monkeypatch, error):
    train(paired(folders, tmp_path, adversarial=0.0), tmp_path / "run", 2)
    recipe = paired(folders, tmp_path, adversarial=0.0)
    monkeypatch.setattr(recipe, "step", lambda rng, step: (_ for _ in ()).throw(error))
    with pytest.raises(ModelError, match=r"out of memory at step 3; the checkpoint of step 2 is kept") as caught:
        train(recipe, tmp_path / "run", 4)
    assert "--batch" in str(caught.value.hint)
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 2


def test_losses_that_are_not_finite_stop_a_style_run_with_its_model_kept(folders, tmp_path):
    recipe = paired(folders, tmp_path, adversarial=0.0)
    train(recipe, tmp_path / "run", 2)
    kept = (tmp_path / "run/weights.safetensors").read_bytes()
    broken = paired(folders, tmp_path, adversarial=0.0)
    broken.crops.draw = lambda rng, count: (np.full((1, 1, 128, 32), np.nan, np.float32),) * 2
    with pytest.raises(ModelError, match="non-finite"):
        train(broken, tmp_path / "run", 60)
    assert (tmp_path / "run/weights.safetensors").read_bytes() == kept
