"""`models`: the table of its commands."""

from __future__ import annotations

from audiokit.engine.command import Group

_HERE = "audiokit.stages.models.commands"

models = Group(
    "models",
    {
        "list": (f"{_HERE}:list_models", "Show the models that are here and those that can be pulled."),
        "info": (f"{_HERE}:info", "Describe one model: what it does, what it was trained on, how good it is."),
        "verify": (f"{_HERE}:verify", "Load models and check that their weights are whole, fit, and are finite."),
        "pull": (f"{_HERE}:pull", "Fetch official models: resumable, checked against their known sums, cached."),
        "import": (f"{_HERE}:import_model", "Convert an official checkpoint into a model folder, unchanged."),
        "export": (
            f"{_HERE}:export",
            "Write a model elsewhere: weights as one file for other programs, the network as ONNX, or the folder.",
        ),
    },
    """List, describe, pull, import, export and verify models.

    Examples:
        audiokit models list
        audiokit models verify splitter-2stems
        audiokit models pull spleeter-4stems
    """,
)
