"""A small network that names the family of an instrument note; its last layer but one serves as an embedding.

It exists to judge generated notes: how often a requested family is recognised, and the Frechet distance between
embeddings of real and generated notes.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from audiokit.models.folder.graph import MAIN, Graph, Port

RATE, N_FFT, HOP, MELS, FRAMES = 16000, 1024, 512, 64, 112
EMBEDDING = 64


class NoteClassifier(nn.Module):
    """Convolutions over a log-mel picture.

    Args:
        families: number of classes.
        width: channels of the first layer.
    """

    def __init__(self, families: int = 11, width: int = 16) -> None:
        super().__init__()
        sizes = [1, width, width * 2, width * 3, width * 4]
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b)) for a, b in pairwise(sizes)
        )
        self.embed = nn.Linear(sizes[-1] * 8, EMBEDDING)
        self.name = nn.Linear(EMBEDDING, families)

    def graphs(self) -> dict[str, Graph]:
        """What is exported: the whole network."""
        picture, scores = Port(("batch", MELS, FRAMES), "log-mel picture"), Port(("batch", self.name.out_features))
        sizes = [{"batch": size} for size in (2, 1, 5)]
        return {MAIN: Graph(self.forward, {"picture": picture}, {"scores": scores}, sizes)}

    def embedding(self, picture: Tensor) -> Tensor:
        """Pictures (B, MELS, FRAMES) to embeddings (B, EMBEDDING)."""
        x = picture[:, None]
        for step in self.steps:
            x = F.max_pool2d(F.relu(step(x)), 2)  # (B, C, MELS / 2^i, FRAMES / 2^i)
        x = torch.cat([x.mean(3), x.amax(3)], dim=1)  # (B, 2C, 4)
        return self.embed(x.flatten(1))

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures (B, MELS, FRAMES) to scores (B, families)."""
        return self.name(F.relu(self.embedding(picture)))
