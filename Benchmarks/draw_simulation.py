#!/usr/bin/env python3
"""Draws what `abuse-simulation` printed: requests and texts a minute, attack against honest, one picture a scenario;
and prints the table of docs/abuse.md.

    Benchmarks/draw_simulation.py var/simulation.jsonl docs/images

Writes SVG by hand, so that nothing has to be installed. Needs Python 3.11.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 860, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 64, 44
TITLES = {
    "sequential": "100,000 requests, number after number",
    "scattered": "100,000 requests, one to every range of a country",
    "manyCountries": "100,000 requests, fifty countries by turns",
}
LINES = (  # member of a minute, colour, dashes, name
    (0, "#b42318", "4 3", "requests of the attack"),
    (1, "#b42318", "", "texts to the attack"),
    (2, "#1f6feb", "4 3", "honest requests"),
    (3, "#1f6feb", "", "honest texts"),
)


def main() -> None:
    reports = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines() if line.startswith("{")]
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        (folder / f"attack-{report['attack'].lower()}.svg").write_text(picture(report))
    print(table(reports))


def picture(report: dict) -> str:
    minutes = report["minutes"]
    most = max(max(minute) for minute in minutes)
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(minute: float) -> float:
        return LEFT + plot_width * minute / len(minutes)

    # Requests and texts are orders of magnitude apart: a logarithmic scale, with a line of its own for none.
    steps = math.ceil(math.log10(most)) + 1

    def y(count: float) -> float:
        share = 0 if count == 0 else (math.log10(count) + 1) / steps
        return TOP + plot_height * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="13" role="img"'
        f' aria-label="{TITLES[report["attack"]]}: requests and texts a minute">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="16" font-weight="600" fill="#1f2328">{TITLES[report["attack"]]}</text>',
    ]
    for exponent in range(-1, steps):
        value = 0 if exponent < 0 else 10**exponent
        height = y(value)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#d8dee4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end" fill="#57606a">{value:,}</text>')
    for minute in range(0, len(minutes) + 1, 30):
        parts.append(
            f'<text x="{x(minute):.1f}" y="{HEIGHT - 22}" text-anchor="middle" fill="#57606a">{minute}</text>')
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end" fill="#57606a">minutes; counts a minute,'
        " logarithmic</text>")
    for index, (member, colour, dashes, name) in enumerate(LINES):
        points = " ".join(f"{x(at + 0.5):.1f},{y(minute[member]):.1f}" for at, minute in enumerate(minutes))
        style = f'stroke="{colour}" stroke-width="{1.5 if dashes else 2.5}"' + (
            f' stroke-dasharray="{dashes}"' if dashes else "")
        parts.append(f'<polyline points="{points}" fill="none" {style}/>')
        left = LEFT + index * 195
        parts.append(f'<line x1="{left}" x2="{left + 26}" y1="42" y2="42" {style}/>')
        parts.append(f'<text x="{left + 32}" y="46" fill="#1f2328">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def table(reports: list[dict]) -> str:
    rows = [
        "| attack | its texts | what they cost | honest, same country | honest, other country | honest, other client |"
        " all texts cost |",
        "|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        honest = [report["honest"][place] for place in ("sameCountry", "otherCountry", "otherClient")]
        shares = " | ".join(f"{place['texted']} of {place['asked']}" for place in honest)
        rows.append(
            f"| {TITLES[report['attack']]} | {report['attack_texts']} | {report['lost']} | {shares} |"
            f" {report['spent']} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
