import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from audiokit.errors import InputError, ParameterError, UsageError
from audiokit.io.audio import write
from audiokit.models.folder import checkpoint
from audiokit.stages.split import split
from audiokit.training.sound.settings import SplitterRun, SplitterSettings
from audiokit.training.sound.splitter import SplitterRecipe, _unlike, mid_side, train_splitter
from audiokit.training.sound.stem_mixes import Part, StemMixer, find_songs, read_judges, read_song
from audiokit.training.sound.studio import mastering_gain, sung_through

RATE = 8000
SMALL = {"rate": RATE, "n_fft": 256, "hop": 64, "bands": 64, "single": 32, "widths": [4, 6]}


def voice(rng, seconds):
    """A gliding harmonic line in the middle."""
    t = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(300 + 80 * np.sin(2 * np.pi * rng.uniform(0.3, 0.9) * t)) / RATE
    return np.tile(0.2 * sum(np.sin(k * phase) / k for k in range(1, 6)), (2, 1)).astype(np.float32)


def clicks(rng, seconds):
    """Bursts of noise, different left and right."""
    y = rng.standard_normal((2, int(seconds * RATE))).astype(np.float32)
    gate = (np.arange(y.shape[1]) % 1600) < 160
    return 0.1 * y * gate


def part(y, cutoff=1.0):
    return Part((y * 32767).astype(np.int16), cutoff)


@pytest.fixture
def mixer(rng):
    song = {"vocals": part(voice(rng, 8)), "accompaniment": part(clicks(rng, 8))}
    loose = {"vocals": [[part(voice(rng, 6)[:1], 0.5)]], "accompaniment": [[part(clicks(rng, 6))]]}
    return StemMixer(["vocals", "accompaniment"], [song], loose, rate=RATE, seconds=1.0)


def test_examples_are_finite_bounded_and_repeatable(mixer):
    a, shares = mixer.batch(np.random.default_rng(1), 12)
    b, _ = mixer.batch(np.random.default_rng(1), 12)
    assert a.shape == (12, 2, 2, RATE) and a.dtype == np.float32 and np.array_equal(a, b)
    assert np.isfinite(a).all() and np.abs(a.sum(axis=1)).max() <= 1.01
    assert 0.3 < shares.min() < 0.7 and shares.max() == 1.0  # the loose voice fills half of the band
    silent = ~a.any(axis=(2, 3))
    assert not silent.all(axis=1).any()


def test_mid_and_side_are_their_own_inverse():
    x = torch.randn(3, 2, 50)
    assert torch.allclose(mid_side(mid_side(x)), x, atol=1e-6)
    assert torch.allclose(mid_side(x).square().sum(), x.square().sum(), rtol=1e-5)


def test_the_banded_error_is_the_error_where_bands_are_single_bins(mixer):
    """With one bin per band the loss measures exactly the energy of what is wrong."""
    settings = {**SMALL, "bands": 64, "single": 63, "n_fft": 132}
    recipe = SplitterRecipe(mixer, settings=settings)
    stems, _ = mixer.batch(np.random.default_rng(2), 2)
    stems = torch.from_numpy(stems)
    targets = recipe.spectra(mid_side(stems))
    mix = targets.sum(dim=1)
    with torch.no_grad():
        wrong = (recipe.network(mix.abs()) * mix[:, None] - targets)[..., :63, :].abs().square().sum(dim=(2, 3, 4))
        ratio = wrong / mix[..., :63, :].abs().square().sum(dim=(1, 2, 3))[:, None]
        found = recipe.losses(stems)
    assert float(found["error_db"]) == pytest.approx(float(10 * torch.log10(ratio + 1e-3).mean()), abs=0.3)


def test_the_likeness_in_bands_is_the_si_sdr_of_stems_that_sound(rng):
    """Where bands are bins; half a level changes nothing, and a silent stem does not count."""
    shape = (2, 2, 2, 5, 30)  # (B, S, 2, N, bands)
    targets = torch.from_numpy(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    targets[1, 0] = 0
    mix = targets.sum(dim=1, keepdim=True)
    masks = torch.from_numpy(rng.random(shape))
    cross, own, power = (targets * mix.conj()).real, targets.abs().square(), mix.abs().square()[:, 0]
    values = []
    for b, s in ((0, 0), (0, 1), (1, 1)):
        x, y = targets[b, s].flatten(), (masks[b, s] * mix[b, 0]).flatten()
        wanted = x * (torch.vdot(x, y).real / torch.vdot(x, x).real)
        # Complex numbers as pairs of real ones: SI-SDR by Le Roux et al. (2019).
        values.append(10 * torch.log10(wanted.abs().square().sum() / (y - wanted).abs().square().sum()))
    assert float(-10 * _unlike(masks, power, cross, own)) == pytest.approx(float(np.mean(values)), abs=0.1)
    assert float(_unlike(masks / 2, power, cross, own)) == pytest.approx(float(_unlike(masks, power, cross, own)))


def test_it_learns_to_tell_a_voice_from_clicks(mixer, rng, tmp_path):
    """A minute's training in small: what comes out is much nearer to the stems than the mix is."""
    from audiokit.training.engine.loop import Every, fit

    judge = np.stack([0.3 * voice(rng, 3), clicks(rng, 3)])
    recipe = SplitterRecipe(mixer, [judge], settings=SMALL, batch=4, learning_rate=5e-3)
    found = fit(recipe, folder=tmp_path / "run", steps=40, every=Every(40), best="loss", quiet=True)
    assert found["vocals_sdr_db"] > found["vocals_mix_sdr_db"] + 4
    assert found["accompaniment_sdr_db"] > found["accompaniment_mix_sdr_db"] + 3
    assert (tmp_path / "run" / "samples" / "0-vocals-000040.wav").exists()
    stems = split(judge.sum(axis=0), RATE, model=str(tmp_path / "run"))
    error = np.sum((stems["vocals"] - judge[0]) ** 2)
    sdr = 10 * np.log10(np.sum(judge[0] ** 2) / error)
    assert sdr == pytest.approx(found["vocals_sdr_db"], abs=1.5)  # what was measured is what split gives


def test_muon_learns_too_and_goes_on_to_the_same_bits(mixer):
    def steps(recipe, numbers):
        return [float(recipe.step(np.random.default_rng([1, k]), k)["loss"]) for k in numbers]

    settings = {"settings": SMALL, "batch": 4, "learning_rate": 1e-2, "optimizer": "muon"}
    one, two = (SplitterRecipe(mixer, **settings, seed=seed) for seed in (0, 1))
    losses = steps(one, range(20))
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5
    two.network.load_state_dict(one.network.state_dict())
    two.optimizer.load_state_dict(deepcopy(one.optimizer.state_dict()))
    assert steps(one, (20, 21)) == steps(two, (20, 21))
    with pytest.raises(ParameterError, match="must be adamw or muon"):
        SplitterRecipe(mixer, settings=SMALL, optimizer="sgd")


def test_training_goes_on_from_weights_where_they_fit(mixer):
    settings = {**SMALL, "widths": [4, 6]}
    before = SplitterRecipe(mixer, settings=settings, seed=1).network.state_dict()
    after = SplitterRecipe(mixer, settings=settings, start=before, seed=2).network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    wider = SplitterRecipe(mixer, settings={**SMALL, "widths": [4, 8]}, start=before, seed=2).network.state_dict()
    same = [key for key in before if before[key].shape == wider[key].shape and torch.equal(before[key], wider[key])]
    assert 0 < len(same) < len(before) and "encoder.0.conv1.weight" in same


def test_spleeters_network_trains_too(mixer):
    settings = {"rate": RATE, "n_fft": 256, "hop": 64, "bins": 128, "filters": [2, 2, 2, 2, 2, 2]}
    recipe = SplitterRecipe(mixer, network="spleeter", settings=settings, batch=2)
    losses = [float(recipe.step(np.random.default_rng(0), step)["loss"]) for step in range(12)]  # the same mixes
    assert np.isfinite(losses).all() and np.mean(losses[-4:]) < np.mean(losses[:4])


def test_a_stem_in_layers_is_mixed_anew_from_them(rng):
    """What comes out is a sum of the layers with other levels, and at least one of them is always there."""
    layers = [(1000 * rng.standard_normal((channels, 400))).astype(np.int16) for channels in (1, 2, 2)]
    whole = sum(np.broadcast_to(y, (2, 400)).astype(np.int32) for y in layers)
    part = Part(whole.astype(np.int16), layers=layers)
    basis = np.stack([np.broadcast_to(y[:, 50:150], (2, 100)).ravel() for y in layers], axis=1) / 32768
    levels = []
    for _ in range(40):
        y = part.remixed(50, 100, rng)
        assert y.shape == (2, 100) and y.any()
        found, residue, *_ = np.linalg.lstsq(basis, y.ravel(), rcond=None)
        assert residue.sum() < 1e-6 * np.sum(y**2)
        levels.append(found)
    assert np.std(levels, axis=0).min() > 0.1 and np.abs(levels).min() < 1e-3  # some are left out
    same = part.remixed(50, 100, np.random.default_rng(4))
    assert np.array_equal(same, part.remixed(50, 100, np.random.default_rng(4)))


def test_mastering_evens_out_levels_and_never_turns_up(rng):
    loudness = np.repeat([0.02, 0.5, 0.02, 0.5], RATE)
    y = (loudness * rng.standard_normal((2, 4 * RATE))).astype(np.float32)
    for _ in range(8):
        gain = mastering_gain(y, rng, RATE)
        assert gain.shape == (4 * RATE,) and gain.max() <= 1.0001 and gain.min() > 0
        before, after = ([np.std(z[:, k * RATE : (k + 1) * RATE]) for k in range(4)] for z in (y, y * gain))
        assert after[1] / after[2] < before[1] / before[2]


def test_a_voice_through_the_strip_stays_a_voice(rng):
    y = voice(rng, 4)[:1]
    made = [sung_through(y, rng, RATE) for _ in range(24)]
    assert all(z.shape == y.shape and z.dtype == np.float32 and np.isfinite(z).all() for z in made)
    likeness = [np.vdot(y, z) / np.sqrt(np.vdot(y, y) * np.vdot(z, z)) for z in made]
    assert max(likeness) > 0.999 and 0.5 < min(likeness) < 0.99  # some pass untouched, others do not


def test_some_accompaniments_go_round_and_some_voices_are_faint(mixer):
    plain = {"from_songs": 0.0, "mastered": 0.0, "empty": 0.0, "layered": 0.0, "seconds": 6.0}
    round_and_round = replace(mixer, **plain, looped=1.0)
    for seed in range(4):
        (_, y), _ = round_and_round.example(np.random.default_rng(seed))
        lags = np.arange(int(1.2 * RATE), 4 * RATE)
        apart = [np.abs(y[:, lag::7] - y[:, :-lag:7]).max() for lag in lags]
        assert min(apart) == 0

    def level_db(faint):
        mixes = [replace(mixer, **plain, faint=faint).example(np.random.default_rng(k))[0] for k in range(60)]
        return np.median([10 * np.log10(np.sum(v**2) / np.sum(a**2)) for v, a in mixes])

    assert level_db(0.0) - level_db(1.0) > 4


def save_song(folder, rng, names=("vocals", "drums", "bass")):
    makers = {"vocals": voice, "drums": clicks, "bass": clicks, "mixture": clicks}
    made = {name: makers[name](rng, 6) for name in names}
    for name, y in made.items():
        write(folder / f"{name}.wav", y, RATE, subtype="PCM_16")
    return made


def test_loose_voices_are_tuned_to_what_they_are_mixed_with():
    t = np.arange(20 * RATE) / RATE

    def tone(hz):
        return part(0.3 * np.sin(2 * np.pi * hz * t)[None].astype(np.float32))

    def off(in_key, number):
        """Semitones between voice and accompaniment, octaves aside."""
        loose = {"vocals": [[tone(440 * 2 ** (2.4 / 12))]], "accompaniment": [[tone(440.0), tone(440.0)]]}
        mixer = StemMixer(["vocals", "accompaniment"], (), loose, rate=RATE, seconds=4.0, empty=0, in_key=in_key)
        y, _ = mixer.example(np.random.default_rng(number))
        found = [np.abs(np.fft.rfft(stem.sum(axis=0) * np.hanning(stem.shape[1]))).argmax() for stem in y]
        return abs((12 * np.log2(found[0] / found[1]) + 6) % 12 - 6)

    tuned, drawn = ([off(share, number) for number in range(12)] for share in (1.0, 0.0))
    assert np.mean([semitones < 0.2 for semitones in tuned]) > 0.6  # those further away than voices are moved are not
    assert np.mean([semitones < 0.2 for semitones in drawn]) < 0.4
    assert max(tuned) < max(drawn)


def test_songs_are_read_in_any_layout(tmp_path, rng):
    made = save_song(tmp_path / "a", rng)
    song = read_song(tmp_path / "a", ["vocals", "accompaniment"], RATE)
    whole = (made["drums"] + made["bass"]) * 32768
    assert np.abs(song["accompaniment"].audio - whole).max() <= 2
    made = save_song(tmp_path / "b", rng, ["vocals", "mixture"])
    song = read_song(tmp_path / "b", ["vocals", "accompaniment"], RATE)
    assert (
        np.abs(song["accompaniment"].audio - np.clip((made["mixture"] - made["vocals"]) * 32768, -32768, 32767)).max()
        <= 2
    )
    write(tmp_path / "a" / "vocals_back.wav", made["vocals"], RATE, subtype="PCM_16")
    both = read_song(tmp_path / "a", ["vocals", "accompaniment"], RATE)
    assert len(both["vocals"].layers) == 2 and len(both["accompaniment"].layers) == 2
    assert np.array_equal(both["vocals"].audio, sum(y.astype(np.int32) for y in both["vocals"].layers))
    assert np.abs(both["vocals"].layers[1] - 32768 * made["vocals"]).max() <= 1
    assert find_songs(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(InputError, match="holds none of piano"):
        read_song(tmp_path / "a", ["piano", "flute"], RATE)
    with pytest.raises(InputError, match="has no drums"):
        read_judges([str(tmp_path / "b")], ["vocals", "drums"], RATE)


def test_the_command_trains_resumes_and_leaves_a_model_folder(cli, tmp_path, rng):
    save_song(tmp_path / "songs" / "one", rng)
    save_song(tmp_path / "judge" / "two", rng)
    options = ["--batch", 2, "--seconds", 0.5, "--judge-every", 2, "-o", "run", "--quiet", "--device", "cpu"]
    for name, value in SMALL.items():
        options += ["--setting", f"{name}={json.dumps(value)}"]
    arguments = ["train", "splitter", "songs", "--judge", "judge", "--licence", "CC0-1.0", *options]
    cli(*arguments, "--steps", 2)
    cli(*arguments, "--steps", 3, "--resume")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation" in line] == [2, 3]
    card = checkpoint.read_card(tmp_path / "run")
    assert card["licence"] == "CC0-1.0" and card["labels"] == ["vocals", "accompaniment"]
    stems = split(clicks(rng, 0.3), RATE, model=str(tmp_path / "run"))
    assert list(stems) == ["vocals", "accompaniment"]


def test_what_is_missing_is_said(tmp_path, rng):
    save_song(tmp_path / "a", rng, ["vocals"])
    with pytest.raises(InputError, match=r"0.0 s of accompaniment found"):
        train_splitter(
            [str(tmp_path)],
            [],
            [],
            settings=SplitterSettings(setting=["rate=8000"]),
            run=SplitterRun(str(tmp_path / "run")),
        )
    for arguments, message in (
        ({"stems": "vocals"}, "at least two"),
        ({"parts": ["bass=x"]}, "STEM one of"),
        ({"setting": ["bands"]}, "NAME=VALUE"),
    ):
        with pytest.raises(UsageError, match=message):
            parts = arguments.pop("parts", [])
            run = SplitterRun(str(tmp_path / "run"))
            train_splitter([], parts, [], settings=SplitterSettings(**arguments), run=run)
