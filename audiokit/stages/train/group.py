"""`train`: the table of recipes."""

from __future__ import annotations

from audiokit.engine.command import Group

_HERE = "audiokit.stages.train"

train = Group(
    "train",
    {
        "gan": (f"{_HERE}.gan:gan", "Train SimpleGAN: two fully connected networks, to learn from how a GAN works."),
        "mel2linear": (f"{_HERE}.mel2linear:mel2linear", "Train a mel inverter on any folder of audio."),
        "cyclegan": (
            f"{_HERE}.cyclegan:cyclegan",
            "Train a style model from two folders of sounds that need not correspond.",
        ),
        "pix2pix": (
            f"{_HERE}.pix2pix:pix2pix",
            "Train a style model from two folders that hold the same pieces under the same names.",
        ),
        "travel": (
            f"{_HERE}.travel:travel",
            "Train a one-way style model with a siamese network, from two folders that need not correspond.",
        ),
        "vocal-cyclegan": (
            f"{_HERE}.vocal_cyclegan:vocal_cyclegan",
            "Train a model for `audiokit sing --engine gan --model FOLDER`.",
        ),
        "vocoder": (f"{_HERE}.vocoder:vocoder", "Train a vocoder for `audiokit invert --vocoder FOLDER`."),
        "denoiser": (f"{_HERE}.denoiser:denoiser", "Train a denoiser for `audiokit denoise --model FOLDER`."),
        "notes": (f"{_HERE}.notes:notes", "Train a model for `audiokit generate --model FOLDER`."),
        "dcgan": (
            f"{_HERE}.dcgan:dcgan",
            "Train a DCGAN on spectrogram chunks, in whose latents `audiokit morph --engine latent` travels.",
        ),
        "splitter": (f"{_HERE}.splitter:splitter", "Train a separator for `audiokit split --model FOLDER`."),
    },
    """Train the models behind the commands.

    Every run is resumable and audible while it runs.

    Examples:
        audiokit train cyclegan piano/ strings/ -o runs/strings --minutes 60
        audiokit train cyclegan piano/ strings/ -o runs/strings --minutes 120 --resume
        audiokit page runs/strings
    """,
)
