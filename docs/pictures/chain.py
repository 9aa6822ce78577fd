"""Draw the chain: which command hands what to which. Run: python docs/pictures/chain.py, for chain.svg

The picture has no background, and its colours can be read on white and on black.
"""

from __future__ import annotations

import sys
from pathlib import Path

COLUMN, ROW, HEIGHT, LETTER = 128, 58, 34, 8.2

#: Name -> (column, row, kind); a command is a filled box, what flows is plain text.
BOXES = {
    "song.wav": (0.0, 1, "file"),
    "spectro": (1.0, 1, "command"),
    "chunks": (1.85, 1, "file"),
    "stylize": (2.6, 1, "command"),
    "invert": (3.85, 1, "command"),
    "normalize": (4.75, 1, "command"),
    "mix": (5.85, 1, "command"),
    "out.wav": (6.5, 1, "file"),
    "chunk": (1.0, 0, "command"),
    "augment": (2.0, 0, "command"),
    "chunk set": (3.0, 0, "file"),
    "train": (3.95, 0, "command"),
    "model": (4.8, 0, "file"),
    "split": (1.0, 2, "command"),
    "vocals.wav": (1.85, 2, "file"),
    "align-beats": (2.85, 2, "command"),
    "denoise": (4.05, 2, "command"),
    "speech.wav": (0.0, 3, "file"),
    "sing": (1.0, 3, "command"),
    "vocal.wav": (1.85, 3, "file"),
    "generate": (1.0, 4, "command"),
    "notes": (2.05, 4, "file"),
    "morph": (2.85, 4, "command"),
    "any of it": (0.0, 5, "file"),
    "info": (1.0, 5, "command"),
    "score": (1.75, 5, "command"),
    "page": (2.6, 5, "command"),
    "run: several stages in one process": (4.6, 5, "note"),
}
#: From, how the line goes (straight on; first to another row; at last up to another row; across and down), to.
ARROWS = [
    ("song.wav", "straight", "spectro"), ("spectro", "straight", "chunks"), ("chunks", "straight", "stylize"),
    ("stylize", "straight", "invert"), ("invert", "straight", "normalize"), ("normalize", "straight", "mix"),
    ("mix", "straight", "out.wav"), ("song.wav", "first", "chunk"), ("chunk", "straight", "augment"),
    ("augment", "straight", "chunk set"), ("chunk set", "straight", "train"), ("train", "straight", "model"),
    ("model", "across", "stylize"), ("song.wav", "first", "split"), ("split", "straight", "vocals.wav"),
    ("vocals.wav", "straight", "align-beats"), ("align-beats", "straight", "denoise"), ("denoise", "last", "normalize"),
    ("speech.wav", "straight", "sing"), ("sing", "straight", "vocal.wav"), ("vocal.wav", "last", "mix"),
    ("generate", "straight", "notes"), ("notes", "straight", "morph"), ("morph", "last", "mix"),
    ("any of it", "straight", "info"),
]  # fmt: skip


def place(name: str) -> tuple[float, float, float]:
    """Tell the left edge, the middle's height and the width of a box."""
    column, row, kind = BOXES[name]
    return 10 + column * COLUMN, 24 + row * ROW, LETTER * len(name) + (24 if kind == "command" else 6)


def arrow(source: str, way: str, target: str) -> str:
    """Draw one arrow as an SVG path."""
    x0, y0, w0 = place(source)
    x1, y1, w1 = place(target)
    start, middle = f"M{x0 + w0 + 3:.0f} {y0:.0f}", x1 + w1 / 2
    path = {
        "straight": f"{start}H{x1 - 7:.0f}",
        "first": f"{start}H{x1 - 26:.0f}V{y1:.0f}H{x1 - 7:.0f}",
        "last": f"{start}H{middle:.0f}V{y1 + HEIGHT / 2 + 7:.0f}",
        "across": f"M{x0 + w0 / 2:.0f} {y0 + 12:.0f}V{(y0 + y1) / 2:.0f}H{middle:.0f}V{y1 - HEIGHT / 2 - 7:.0f}",
    }[way]
    return f'<path class="way" d="{path}" marker-end="url(#tip)"/>'


def box(name: str) -> str:
    """Draw one box, or plain text."""
    x, y, width = place(name)
    kind = BOXES[name][2]
    text = f'<text class="{kind}" x="{x + width / 2:.0f}" y="{y + 5:.0f}">{name}</text>'
    if kind != "command":
        return text
    return f'<rect x="{x:.0f}" y="{y - HEIGHT / 2:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="7"/>{text}'


def draw() -> str:
    """Draw the whole picture."""
    style = (
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;text-anchor:middle;fill:#838383}"
        "text.command{fill:#fff}text.note{font-style:italic}rect{fill:#4051b5}.way{fill:none;stroke:#8c8c8c;stroke-width:1.6}"
    )
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 925 340" role="img" aria-labelledby="t">',
        '<title id="t">Songs go through spectro, stylize, invert, normalize and mix; or split, align-beats and denoise'
        " first. chunk, augment and train make the models.</title>",
        f"<style>{style}</style>",
        f'<defs>{tip}<path d="M0 0L8 4L0 8z" fill="#8c8c8c"/></marker></defs>',
        *(arrow(*line) for line in ARROWS),
        *map(box, BOXES),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".svg")
    target.write_text(draw(), encoding="utf-8")
