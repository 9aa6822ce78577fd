"""Train a separator: mixes made on the fly from songs with stems and from loose parts, and the losses that compare.

Every example is new. Half of the mixes take all stems from one moment of one song, the others put parts together that
never met. Each part has its own speed (pitch and tempo together), gain, place between left and right, colour and,
where it is mono, sometimes a room; then all are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from audiokit.errors import InputError, ParameterError, UsageError
from audiokit.training.loop import Recipe, update

Audio = NDArray[np.float32]

#: What a mix of two stems calls everything that is not the first.
REST = "accompaniment"


@dataclass(frozen=True)
class Part:
    """A recording of one stem.

    Attributes:
        audio: (C, T), 16-bit integers, one or two channels.
        cutoff: share of the band (0..1) that the recording fills; above it there is nothing to learn.
    """

    audio: NDArray[np.int16]
    cutoff: float = 1.0

    def cut(self, start: int, length: int) -> Audio:
        """Take samples as float32 (C, length); the recording repeats when it ends."""
        at = np.arange(start, start + length)
        return np.take(self.audio, at, axis=1, mode="wrap").astype(np.float32) / np.float32(32768)


@dataclass
class StemMixer:
    """Draw mixes and their stems.

    Args:
        stems: their names.
        songs: songs as {stem: Part}, all stems of a song aligned.
        parts: loose recordings as {stem: groups of Part}; groups are drawn by the square root of their length.
        rate: Hz of everything.
        seconds: length of an example.
        from_songs: share of examples whose stems belong together, where there are songs.
        empty: share of examples in which one stem is silent.
        layered: share of loose parts that are two at once.
    """

    stems: Sequence[str]
    songs: Sequence[Mapping[str, Part]] = ()
    parts: Mapping[str, Sequence[Sequence[Part]]] = field(default_factory=dict)
    rate: int = 44_100
    seconds: float = 3.0
    from_songs: float = 0.3
    empty: float = 0.12
    layered: float = 0.3

    def __post_init__(self) -> None:
        """Refuse stems that nothing is there for."""
        for stem in self.stems:
            length = sum(part.audio.shape[1] for part in self._all(stem))
            if length < 5 * self.rate:
                raise InputError(
                    f"{length / self.rate:.1f} s of {stem} found, at least 5 s needed",
                    hint=f"name folders with --songs, or with --parts {stem}=FOLDER",
                )

    def _all(self, stem: str) -> list[Part]:
        return [s[stem] for s in self.songs if stem in s] + [p for g in self.parts.get(stem, ()) for p in g]

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Audio, NDArray]:
        """Draw `size` examples: stems (size, S, 2, T) and the share of the band that each fills (size,)."""
        examples = [self.example(rng) for _ in range(size)]
        return np.stack([e[0] for e in examples]), np.array([e[1] for e in examples])

    def example(self, rng: np.random.Generator) -> tuple[Audio, float]:
        """Draw the stems of one mix (S, 2, T), and the share of the band that all of them fill."""
        length = round(self.seconds * self.rate)
        complete = [song for song in self.songs if all(stem in song for stem in self.stems)]
        if complete and rng.random() < self.from_songs:
            y, cutoff = self._moment(complete[rng.integers(len(complete))], rng, length)
        else:
            drawn = [self._layers(stem, rng, length) for stem in self.stems]
            y, cutoff = np.stack([part for part, _ in drawn]), min(cutoff for _, cutoff in drawn)
        levels = np.sqrt(np.mean(y**2, axis=(1, 2)) + 1e-9)
        if levels.min() > 1e-4 and rng.random() < 0.8:  # else the levels of the recordings stay
            gains = rng.normal(0, 6, len(self.stems))
            gains[0] -= 4  # the first stem, usually a voice, is one of many sounds
            y *= (0.1 / levels * 10 ** (gains / 20))[:, None, None].astype(np.float32)
        if rng.random() < self.empty:
            y[rng.integers(len(self.stems))] = 0
        if rng.random() < 0.5:
            y = y[:, ::-1]
        peak = np.abs(y.sum(axis=0)).max()
        y = y * np.float32(10 ** (rng.uniform(-18, 0) / 20) / max(peak, 1e-3))
        return np.ascontiguousarray(y, np.float32), cutoff

    def _layers(self, stem: str, rng: np.random.Generator, length: int) -> tuple[Audio, float]:
        """Draw one loose part of a stem, or two on top of each other."""
        y, cutoff = self._loose(stem, rng, length)
        if rng.random() < self.layered:
            more, other = self._loose(stem, rng, length)
            y, cutoff = y + np.float32(10 ** (rng.uniform(-12, 3) / 20)) * more, min(cutoff, other)
        return y, cutoff

    def _moment(self, song: Mapping[str, Part], rng: np.random.Generator, length: int) -> tuple[Audio, float]:
        speed = _speed(rng)
        size = round(length * speed) + 8
        total = min(song[stem].audio.shape[1] for stem in self.stems)
        start = 0
        for _ in range(6):  # look for a moment at which the first stem sounds
            start = int(rng.integers(0, max(1, total - size)))
            if np.abs(song[self.stems[0]].audio[:, start : start + size]).max(initial=0) > 300:
                break
        y = np.stack([_stereo(_resampled(song[s].cut(start, size), length, speed)) for s in self.stems])
        return y, min(1.0, speed * min(song[s].cutoff for s in self.stems))

    def _loose(self, stem: str, rng: np.random.Generator, length: int) -> tuple[Audio, float]:
        groups = [*self.parts.get(stem, ())]
        if own := [song[stem] for song in self.songs if stem in song]:
            groups.append(own)
        sizes = np.array([sum(part.audio.shape[1] for part in group) for group in groups], float)
        group = groups[rng.choice(len(groups), p=np.sqrt(sizes) / np.sqrt(sizes).sum())]
        sizes = np.array([part.audio.shape[1] for part in group], float)
        speed = _speed(rng)
        size = round(length * speed) + 8
        for _ in range(4):
            part = group[rng.choice(len(group), p=sizes / sizes.sum())]
            y = part.cut(int(rng.integers(0, part.audio.shape[1])), size)
            if np.sqrt(np.mean(y**2)) > 1e-3:
                break
        return _placed(_resampled(y, length, speed), rng, self.rate), min(1.0, speed * part.cutoff)


def _speed(rng: np.random.Generator) -> float:
    return 1.0 if rng.random() < 0.25 else float(2 ** (rng.uniform(-3.5, 3.5) / 12))


def _resampled(y: Audio, length: int, speed: float) -> Audio:
    """Play audio (C, T) faster or slower; linear interpolation, the top octave is not what is learnt here."""
    if speed == 1.0:
        return y[:, :length]
    at = np.arange(length) * speed
    low = at.astype(int)
    share = (at - low).astype(np.float32)
    return y[:, low] * (1 - share) + y[:, low + 1] * share


def _stereo(y: Audio) -> Audio:
    return np.repeat(y, 2, axis=0) if y.shape[0] == 1 else y[:2]


def _placed(y: Audio, rng: np.random.Generator, rate: int) -> Audio:
    """Give a part (C, T) a colour and a place: (2, T)."""
    spectrum = np.fft.rfft(y)
    knots = rng.normal(0, 4, 7)
    position = np.linspace(0, 1, spectrum.shape[1]) * 1023
    colour = np.interp(np.log2(1 + position) * 0.6, np.arange(7), knots)
    spectrum = spectrum * 10 ** (colour / 20)
    if y.shape[0] == 2:
        out = np.fft.irfft(spectrum, y.shape[1]).astype(np.float32)
        if rng.random() < 0.15:  # narrow
            out = out * (1 - (w := np.float32(rng.random()))) + w * out.mean(axis=0, keepdims=True)
        return out
    angle = np.pi / 4 * (1 + np.clip(rng.normal(0, 0.2), -0.9, 0.9))
    out = spectrum * np.array([[np.cos(angle)], [np.sin(angle)]])
    if rng.random() < 0.6:
        n = y.shape[1]
        t = np.arange(int(rng.uniform(0.1, 0.9) * rate))
        tail = rng.standard_normal((2, t.size)) * np.exp(-6.9 * t / t.size)
        tail[:, : int(rng.uniform(0, 0.03) * rate)] = 0
        tail *= 10 ** (rng.uniform(-22, -3) / 20) / np.sqrt(np.sum(tail**2, axis=1, keepdims=True) + 1e-9)
        out = out + spectrum * np.fft.rfft(tail, n)
    if rng.random() < 0.2:  # doubled: a copy a little later on each side
        turns = np.exp(-2j * np.pi * np.linspace(0, 0.5, out.shape[1]) * rng.uniform(0.005, 0.03, (2, 1)) * rate)
        out = out + spectrum * turns * rng.uniform(0.1, 0.7)
    return np.fft.irfft(out, y.shape[1]).astype(np.float32)


def mid_side(x: Tensor) -> Tensor:
    """Turn left and right (..., 2, T) into mid and side, and back."""
    left, right = x.unbind(-2)
    return torch.stack([left + right, left - right], dim=-2) * 0.5**0.5


def _whole(x: Tensor, multiple: int) -> Tensor:
    """Append silent frames to (B, 2, N, bands) until N is a multiple."""
    return nn.functional.pad(x, (0, 0, 0, -x.shape[-2] % multiple))


class SplitterRecipe(Recipe):
    """What `train splitter` brings to the training loop.

    Args:
        mixer: where examples come from.
        judge: songs never trained on, as stems (S, 2, T), for validation.
        network: "band" (small, any stems) or "spleeter" (one U-Net per stem, as Spleeter's).
        settings: of the network; see its config.
        batch: examples per step.
        learning_rate: highest rate of AdamW.
        card: what is known about the model beyond what the training measures.
        start: weights to begin from, as the network names them; what does not fit is left out.
        seed: of the first weights.
        device: where to train.
    """

    def __init__(
        self,
        mixer: StemMixer,
        judge: Sequence[Audio] = (),
        *,
        network: str = "band",
        settings: dict[str, Any] | None = None,
        batch: int = 8,
        learning_rate: float = 2e-3,
        card: dict[str, Any] | None = None,
        start: Mapping[str, Tensor] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.mixer, self.judge, self.batch, self.card = mixer, list(judge), batch, card or {}
        stems = list(mixer.stems)
        self.network: Any
        self.network, self.architecture = _network(network, stems, settings or {})
        if start is not None:
            own = self.network.state_dict()
            fitting = {key: value for key, value in start.items() if key in own and value.shape == own[key].shape}
            self.network.load_state_dict(fitting, strict=False)
        config = self.network.config
        if mixer.rate != config.rate:
            raise ParameterError(f"examples have {mixer.rate} Hz, the network works at {config.rate} Hz")
        self.device, self.learning_rate = device, learning_rate
        self.network.to(device, memory_format=torch.channels_last)
        self.window = torch.hann_window(config.n_fft, device=device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=learning_rate, weight_decay=1e-3)

    def modules(self) -> dict[str, nn.Module]:
        """Name the network."""
        return {"splitter": self.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name its optimiser."""
        return {"splitter": self.optimizer}

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share."""
        return {
            "network": self.network.settings,
            "batch": self.batch,
            "seconds": self.mixer.seconds,
            "learning_rate": self.learning_rate,
        }

    def spectra(self, y: Tensor) -> Tensor:
        """Transform audio (..., T) to (..., F, N)."""
        config = self.network.config
        flat = torch.stft(
            y.flatten(0, -2), config.n_fft, config.hop, window=self.window, return_complex=True, pad_mode="constant"
        )
        return flat.unflatten(0, y.shape[:-1])

    def losses(self, stems: Tensor, cutoff: NDArray | None = None) -> dict[str, Tensor]:
        """Separate the sum of stems (B, S, 2, T) and compare, below each mix's cutoff (a share of the band).

        Returns:
            "loss", and where the network is banded "error_db", the energy of what is wrong relative to the mix.
        """
        banded = self.architecture == "band-unet"
        targets = self.spectra(mid_side(stems) if banded else stems)  # (B, S, 2, F, N)
        for target, share in zip(targets, () if cutoff is None else cutoff, strict=cutoff is not None):
            target[..., int(share * (target.shape[-2] - 1)) + 1 :, :] = 0
        if banded:
            return self._banded_losses(targets)
        bins = self.network.config.bins
        mix, aim = targets.sum(dim=1)[..., :bins, :].abs(), targets[..., :bins, :].abs()
        wrong = self.network(mix) * mix[:, None] - aim
        return {"loss": wrong.abs().mean(dim=(0, 2, 3, 4)).sum()}

    def _banded_losses(self, targets: Tensor) -> dict[str, Tensor]:
        """Compare by band: |m X - T|^2 = m^2 |X|^2 - 2 m Re(X* T) + |T|^2, summed over the bins of each band.

        The mask of a bin is a mean of those of its bands, so this is an upper bound of the error in the bins.
        """
        parts = torch.view_as_real(targets).unbind(-1)  # real and imaginary (B, S, 2, F, N)
        mix = [part.sum(dim=1) for part in parts]

        def bands(x: Tensor) -> Tensor:
            return torch.matmul(x.transpose(-1, -2), self.network.filters.T)

        cross = bands(mix[0][:, None] * parts[0] + mix[1][:, None] * parts[1])  # (B, S, 2, N, bands)
        own = bands(parts[0].square() + parts[1].square())
        power = cross.sum(dim=1)  # of the mix, (B, 2, N, bands)
        masks = self.network.band_masks(self.network.with_height(_whole(power, self.network.multiple)))
        masks = masks[..., : power.shape[-2], :]
        wrong = (masks.square() * power[:, None] - 2 * masks * cross + own).sum(dim=(2, 3, 4))
        ratio = torch.log10(wrong.clamp_min(0) / (power.sum(dim=(1, 2, 3)) + 1e-6)[:, None] + 1e-3)
        root = (power.clamp_min(0) + 1e-8) ** 0.25
        shape = ((masks + 1e-4).sqrt() * root[:, None] - (own + 1e-8) ** 0.25).abs().mean(dim=(1, 2, 3, 4))
        shape = shape / root.mean(dim=(1, 2, 3))
        total = ratio.mean() + 2 * shape.mean()
        return {"loss": total, "error_db": 10 * ratio.mean().detach(), "shape": shape.mean().detach()}

    def step(self, rng: np.random.Generator, step: int) -> dict[str, float | Tensor]:
        """Mix a batch, separate it, and learn from the difference."""
        stems, cutoff = self.mixer.batch(rng, self.batch)
        losses: dict[str, float | Tensor] = dict(self.losses(torch.from_numpy(stems).to(self.device), cutoff))
        losses["loss"] = update(self.optimizer, losses["loss"], clip=5.0)  # type: ignore[arg-type]
        return losses

    @torch.no_grad()
    def validate(self, folder: Path, step: int) -> dict[str, float]:
        """Measure the SDR of every stem on the held-out songs, and write the first to hear."""
        if not self.judge:
            return {}
        found: dict[str, list[float]] = {}
        for number, stems in enumerate(self.judge):
            targets = torch.from_numpy(stems)[None].to(self.device)
            found.setdefault("loss", []).append(float(self.losses(targets)["loss"]))
            estimate = self.separate(targets.sum(dim=1))[0].cpu().numpy()
            for name, y, reference in zip(self.mixer.stems, estimate, stems, strict=True):
                found.setdefault(f"{name}_sdr_db", []).append(_sdr_db(reference, y))
                found.setdefault(f"{name}_mix_sdr_db", []).append(_sdr_db(reference, stems.sum(axis=0)))
            if number < 3:
                _write_samples(folder / "samples", number, step, estimate, self.mixer)
        return {name: float(np.median(values)) for name, values in found.items()}

    def separate(self, mix: Tensor) -> Tensor:
        """Separate mixes (B, 2, T) into stems (B, S, 2, T)."""
        config, banded = self.network.config, self.architecture == "band-unet"
        spectrum = self.spectra(mid_side(mix) if banded else mix)
        found = self.network(spectrum.abs()) * spectrum[:, None]
        y = torch.istft(found.flatten(0, 2), config.n_fft, config.hop, window=self.window, length=mix.shape[-1])
        y = y.unflatten(0, found.shape[:3])
        return mid_side(y) if banded else y

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model folder."""
        from audiokit.training.export import place_model

        self.network.load_state_dict(weights["splitter"], strict=False)
        card = {"kind": "split", "architecture": self.architecture, "settings": self.network.settings}
        labels = list(self.mixer.stems)
        place_model(folder, self.network, {**card, "labels": labels, **self.card}, dtype="float16")


def _network(name: str, stems: list[str], settings: dict[str, Any]) -> tuple[nn.Module, str]:
    if name == "band":
        from audiokit.models.band_unet import BandUnet

        return BandUnet(**{"stems": stems, **settings}), "band-unet"
    if name == "spleeter":
        from audiokit.models.spleeter_unet import SpleeterUnet

        return SpleeterUnet(**{"stems": stems, **settings}), "spleeter-unet"
    raise ParameterError(f"--network {name!r}: must be band or spleeter")


def _sdr_db(reference: Audio, estimate: Audio) -> float:
    error = np.sum((reference - estimate) ** 2, dtype=np.float64)
    return float(10 * np.log10((np.sum(reference**2, dtype=np.float64) + 1e-9) / (error + 1e-9)))


def _write_samples(folder: Path, number: int, step: int, stems: Audio, mixer: StemMixer) -> None:
    from audiokit.io.audio import write

    folder.mkdir(parents=True, exist_ok=True)
    for name, y in zip(mixer.stems, stems, strict=True):
        write(folder / f"{number}-{name}-{step:06d}.wav", y, mixer.rate, clip="allow", force=True)


def read_part(path: str | Path, rate: int) -> Part:
    """Read a recording at a rate, as 16-bit integers, and note up to where its own rate reached."""
    from audiokit.io.audio import read

    y, info = read(path, rate=rate)
    y = y[:2] if y.shape[0] > 1 else y
    full = np.clip(np.rint(y * 32768), -32768, 32767).astype(np.int16)
    return Part(full, min(1.0, 0.95 * info.rate / rate) if info.rate < rate else 1.0)


def find_audio(folder: str | Path) -> list[Path]:
    """List the audio files of a folder, or the file itself, sorted.

    Raises:
        InputError: there is none.
    """
    from audiokit.batch import expand

    return [Path(path) for path, _ in expand([str(folder)])]


def read_song(folder: str | Path, stems: Sequence[str], rate: int) -> dict[str, Part]:
    """Read a folder of stems; whatever belongs to no stem asked for is summed into `accompaniment`, if asked for.

    A file called mixture or mix is used only for what the other files leave open.

    Raises:
        InputError: the folder holds none of the stems.
    """
    files = {path.stem: path for path in find_audio(folder)}
    mixture = files.pop("mixture", files.pop("mix", None))
    song = {stem: read_part(files[stem], rate) for stem in stems if stem in files}
    rest = [path for name, path in files.items() if name not in stems]
    missing = [stem for stem in stems if stem not in song]
    if missing == [REST] and rest:
        others = [read_part(path, rate) for path in rest]
        song[REST] = _sum(others, np.ones(len(others), int))
    elif len(missing) == 1 and missing[0] in (REST, "other") and mixture and song:
        parts = [read_part(mixture, rate), *song.values()]
        song[missing[0]] = _sum(parts, np.array([1] + [-1] * (len(parts) - 1)))
    if not song:
        raise InputError(f"{folder}: holds none of {', '.join(stems)}", hint="name the files after the stems")
    return song


def _sum(parts: Sequence[Part], signs: NDArray) -> Part:
    length = min(part.audio.shape[1] for part in parts)
    total = sum(
        sign * np.broadcast_to(part.audio[:, :length], (2, length)).astype(np.int32)
        for part, sign in zip(parts, signs, strict=True)
    )
    return Part(np.clip(total, -32768, 32767).astype(np.int16), min(part.cutoff for part in parts))


def find_songs(folder: str | Path) -> list[Path]:
    """List the folders below `folder` (or itself) that hold audio files directly, sorted."""
    return sorted({path.parent for path in find_audio(folder)})


def read_judges(folders: Sequence[str], stems: Sequence[str], rate: int, *, seconds: float = 20.0) -> list[Audio]:
    """Read of every song the stretch in which its first stem is loudest: stems (S, 2, T)."""
    judges = []
    for path in [song for folder in folders for song in find_songs(folder)]:
        song = read_song(path, stems, rate)
        if absent := [stem for stem in stems if stem not in song]:
            raise InputError(f"{path}: has no {absent[0]}", hint="songs to judge by need every stem")
        length = min(part.audio.shape[1] for part in song.values())
        size = min(length, round(seconds * rate))
        energy = np.concatenate(
            [[0.0], np.cumsum(np.mean(song[stems[0]].audio[:, :length].astype(np.float64) ** 2, axis=0))]
        )
        starts = np.arange(0, length - size + 1, rate)
        start = int(starts[np.argmax(energy[starts + size] - energy[starts])])
        judges.append(np.stack([_stereo(song[stem].cut(start, size)) for stem in stems]))
    return judges


def train_splitter(
    songs: Sequence[str],
    parts: Sequence[str],
    judges: Sequence[str],
    *,
    folder: str | None,
    stems: str = f"vocals,{REST}",
    network: str = "band",
    settings: Sequence[str] = (),
    mixing: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    loop: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Read the material and train.

    Args:
        songs: folders of songs with stems.
        parts: "STEM=FOLDER" of loose recordings; each folder is one group.
        judges: folders of songs to measure on.
        folder: run folder.
        stems: names, separated by commas.
        network, settings: architecture, and its settings as "NAME=JSON".
        mixing: more arguments of `StemMixer`.
        options: more arguments of `SplitterRecipe`.
        loop: arguments of `fit`.
        notes: licence and training_data for the model card.

    Returns:
        The last measurements.

    Raises:
        UsageError: something is missing from the command line, or not of the form asked for.
        InputError: not enough material.
    """
    from audiokit.models.checkpoint import pick_device
    from audiokit.training.loop import cosine, fit

    if folder is None:
        raise UsageError("no run folder given", hint="add -o FOLDER")
    names = [name.strip() for name in stems.split(",") if name.strip()]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UsageError(f"--stems {stems}: at least two different names are needed")
    chosen = _settings(settings)
    rate = int(chosen.get("rate", 44_100))
    begin = (options or {}).get("start")
    loose: dict[str, list[list[Part]]] = {}
    for part in parts:
        stem, found, path = part.partition("=")
        if not found or stem not in names:
            raise UsageError(f"--part {part}: must be STEM=FOLDER, STEM one of {', '.join(names)}")
        loose.setdefault(stem, []).append([read_part(file, rate) for file in find_audio(path)])
    whole = [read_song(song, names, rate) for given in songs for song in find_songs(given)]
    chosen_options = {**(options or {}), "start": None if begin is None else _start(begin)}
    seed = int(chosen_options.get("seed", 0))
    chosen_options["device"] = pick_device(chosen_options.get("device", "cpu"))
    mixer = StemMixer(names, whole, loose, rate=rate, **(mixing or {}))
    card = {key: value for key, value in (notes or {}).items() if value}
    judged = read_judges(judges, names, rate)
    recipe = SplitterRecipe(mixer, judged, network=network, settings=chosen, card=card, **chosen_options)
    return fit(recipe, folder=folder, seed=seed, schedule=cosine(), best="loss" if judged else None, **(loop or {}))


def _start(model: str) -> Mapping[str, Tensor]:
    from audiokit.models.checkpoint import WEIGHTS, find, read_safetensors

    return read_safetensors(find(model) / WEIGHTS)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    import json

    settings = {}
    for item in given:
        name, found, value = item.partition("=")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            found = ""
        if not found:
            raise UsageError(f"--setting {item}: must be NAME=VALUE with a JSON value", hint="for example bands=128")
    return settings
