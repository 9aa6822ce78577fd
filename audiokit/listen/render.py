"""Turn the contents of a folder into one HTML page with nothing outside it."""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from string import Template
from typing import Any

from audiokit.listen.collect import Contents, Track
from audiokit.listen.pictures import curves_svg, flow_html


class _Page(Template):
    """A page with fields like @@{TITLE}; what is filled in is not searched for fields again."""

    delimiter = "@@"


def render(contents: Contents) -> str:
    """Make the page as one string of HTML; audio, pictures, styles and script are inside."""
    template = _Page(resources.files("audiokit.listen").joinpath("page.html").read_text(encoding="utf-8"))
    players, group = [], None
    for index, track in enumerate(contents.tracks):
        if track.group != group:
            group = track.group
            players.append(f"<h2>{escape('' if group == '.' else group)}</h2>" if group != "." else "")
        players.append(_player(index, track))
    sources = json.dumps([_source(track) for track in contents.tracks])
    sections = [
        _section("Curves", "".join(_curves(name, lines) for name, lines in contents.metrics)),
        _section("Scores", "".join(f"<h3>{escape(n)}</h3>{_table(v)}" for n, v in contents.scores)),
        _section("Pictures", "".join(_picture(name, uri) for name, uri in contents.pictures)),
        _section("Models", "".join(f"<h3>{escape(n)}</h3>{_table(v)}" for n, v in contents.cards)),
        _section("Left out", "".join(f"<p>{escape(line)}</p>" for line in contents.problems)),
    ]
    fields = {
        "TITLE": escape(contents.title),
        "PLAYERS": "\n".join(players),
        "SECTIONS": "\n".join(sections),
        # In a script "</script" ends it early, and "<!--" keeps it from ending at all.
        "SOURCES": sources.replace("<", "\\u003c"),
    }
    return template.substitute(fields)


def _source(track: Track) -> dict[str, Any]:
    """What the script knows of a track; one that sounds like another refers to it."""
    about: dict[str, Any] = {"name": track.name, "seconds": track.seconds, "lufs": track.lufs, "peak": track.peak}
    if track.same is not None:
        return {**about, "same": track.same}
    return {**about, "uri": track.data_uri or track.link}


def _player(index: int, track: Track) -> str:
    facts = f"{track.seconds:.2f} s · {track.rate} Hz · {track.channels} ch"
    facts += f" · {track.lufs:.1f} LUFS" if track.lufs is not None else ""
    facts += f" · {track.note}" if track.note else ""
    key = f"<kbd>{index + 1}</kbd>" if index < 9 else ""
    file = f' <a class="file" href="{escape(track.link)}" download>the file</a>' if track.link else ""
    return f"""<article class="track" data-index="{index}" tabindex="0" role="button" aria-pressed="false"
 aria-label="{escape(track.name)}: play, or switch to it at the same position">
<header><b>{escape(track.name)}</b> {key} <small>{escape(facts)}</small>{file}</header>
<div class="stage"><div class="seek" data-seek="{index}">{track.waveform}<i class="head"></i></div>
<div class="seek spectrum" data-seek="{index}"><img alt="spectrogram of {escape(track.name)}" src="{track.spectrogram}">
<i class="head"></i><span class="hz">{track.top_hz / 1000:g} kHz</span><span class="hz low">0</span></div></div>
{flow_html(track.name, track.history)}</article>"""


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>" if body else ""


def _curves(name: str, lines: dict[str, tuple[list[float], list[float]]]) -> str:
    drawn = [curves_svg({key: line}, title=key) for key, line in lines.items() if len(set(line[1])) > 1]
    return f'<h3>{escape(name)}</h3><div class="curves">{"".join(drawn)}</div>' if drawn else ""


def _picture(name: str, uri: str) -> str:
    return f'<figure><figcaption>{escape(name)}</figcaption><img alt="{escape(name)}" src="{uri}"></figure>'


def _table(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        keys = list(dict.fromkeys(key for row in value for key in row))
        head = "".join(f"<th>{escape(str(key))}</th>" for key in keys)
        rows = "".join("<tr>" + "".join(f"<td>{_cell(row.get(key))}</td>" for key in keys) + "</tr>" for row in value)
        return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
    if isinstance(value, dict):
        rows = "".join(f"<tr><th>{escape(str(key))}</th><td>{_cell(item)}</td></tr>" for key, item in value.items())
        return f"<table>{rows}</table>"
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"


def _cell(value: Any) -> str:
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        table = _table(value)
        return f"<details><summary>{len(value)} fields</summary>{table}</details>" if len(value) > 6 else table
    if isinstance(value, float):
        return _number(value)
    if value is None:
        return "–"
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _number(value: float) -> str:
    """Write a number for people: four digits, no powers of ten where a reader would want none."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return "0" if abs(value) < 5e-5 else f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 0.1 else f"{value:.4g}"
