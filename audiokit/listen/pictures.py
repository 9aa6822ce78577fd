"""Small pictures of the page as SVG and HTML: curves of a training, and how a sound was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def curves_svg(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str) -> str:
    """Draw named curves with axes and a legend, for losses and scores over training steps."""
    points = [
        (x, y) for xs, ys in lines.values() for x, y in zip(xs, ys, strict=True) if y == y and abs(y) != float("inf")
    ]
    if not points:
        return ""
    x0, x1 = min(p[0] for p in points), max(p[0] for p in points)
    y0, y1 = min(p[1] for p in points), max(p[1] for p in points)
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)
    hues = [210, 20, 140, 280, 50, 330, 180, 90]
    drawn, legend = [], []
    for index, (name, (xs, ys)) in enumerate(lines.items()):
        colour = f"hsl({hues[index % len(hues)]} 70% 50%)"
        path = " ".join(
            f"{60 + 520 * (x - x0) / (x1 - x0):.1f},{170 - 150 * (y - y0) / (y1 - y0):.1f}"
            for x, y in zip(xs, ys, strict=True)
            if y == y and abs(y) != float("inf")
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(lines) > 1:
            legend.append(f'<span style="color:{colour}">{escape(name)}</span>')
    axes = (
        f'<text x="55" y="24" text-anchor="end">{y1:.3g}</text><text x="55" y="170" text-anchor="end">{y0:.3g}</text>'
        f'<text x="60" y="188">{x0:g}</text><text x="580" y="188" text-anchor="end">{x1:g}</text>'
        '<path d="M60 20V170H580" class="axis"/>'
    )
    return (
        f"<figure><figcaption>{escape(title)} <small>{' · '.join(legend)}</small></figcaption>"
        f'<svg viewBox="0 0 600 195" class="curve" role="img" aria-label="{escape(title)}">{axes}{"".join(drawn)}</svg>'
        "</figure>"
    )


def flow_html(source: str, history: Sequence[Mapping[str, Any]]) -> str:
    """Draw how a sound was made: what went in, then one box per command, with its options when it is opened.

    >>> flow_html("a.wav", [])
    ''
    >>> flow_html("b.wav", [{"name": "normalize", "options": {"to": -14.0}}]).count("<b>normalize</b>")
    2
    """
    if not history:
        return ""
    steps, listed = [], []
    for entry in history:
        name, options = str(entry.get("name")), entry.get("options") or {}
        said = " ".join(f"{key}={value}" for key, value in options.items() if value is not None)
        inputs = [str(path).rsplit("/", 1)[-1] for path in entry.get("inputs") or []]
        joined = f"<small>{escape(' + '.join(inputs))}</small>" if inputs else ""
        steps.append(f'<li title="{escape(said)}"><b>{escape(name)}</b>{joined}</li>')
        listed.append(f"<li><b>{escape(name)}</b> {escape(said)}</li>")
    count = f"{len(history)} step{'s' * (len(history) > 1)}"
    chain = f'<ol class="flow" aria-label="how it was made">{"".join(steps)}<li class="made">{escape(source)}</li></ol>'
    return f"{chain}<details><summary>options of {count}</summary><ol>{''.join(listed)}</ol></details>"
