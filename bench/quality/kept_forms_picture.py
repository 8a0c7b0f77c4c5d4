# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The picture of docs/evaluation.md#kept-passages: nDCG@10 against bytes a passage, a line for each way of keeping less.

    python3 bench/quality/kept_forms_picture.py bench/results/kept_forms.json SET MODEL docs/kept-forms.svg
"""
from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 690, 20, 360
COLOURS = ("#1f5fbf", "#b3541e", "#2e7d4f", "#8a3ab9", "#777777", "#a8842c", "#c2347b", "#159a9c")


def family(form: str) -> str:
    kind, _, budget = form.partition(":")
    words = dict(part.split("=") for part in budget.split(",")[1:]) if budget else {}
    if "split" in words:
        name = words["split"].split(":")[0]
        return name if kind == "fp32" else f"{name}, {kind}"
    if "tokens" in words:
        return f"tokens={words['tokens']}"
    return "every" if budget else "types"


def label(form: str) -> str:
    kind, _, budget = form.partition(":")
    if not budget:
        return kind
    return next((part.split("=")[1] for part in budget.split(",") if "join" in part), budget.split(",")[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("test", metavar="set")
    parser.add_argument("model")
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    test, model = arguments.test, arguments.model
    rows = json.loads(arguments.source.read_text(encoding="utf-8"))[test][model]["rows"]
    sizes = [math.log2(row["bytes"]) for row in rows.values()]
    values = [row["ndcg@10"] for row in rows.values()]
    low, high = math.floor(min(values) * 20) / 20, math.ceil(max(values) * 20) / 20
    least, most = min(sizes) - 0.2, max(sizes) + 0.2

    def place(row: dict) -> tuple[float, float]:
        return (LEFT + (math.log2(row["bytes"]) - least) / (most - least) * (RIGHT - LEFT), BOTTOM - (row["ndcg@10"] - low) / (high - low) * (BOTTOM - TOP))

    body = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>']
    for step in range(round((high - low) * 20) + 1):
        value = low + step / 20
        y = BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)
        body.append(f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    for power in range(math.ceil(least), math.floor(most) + 1):
        x = LEFT + (power - least) / (most - least) * (RIGHT - LEFT)
        size = f"{2 ** (power - 10)} KiB" if power < 20 else f"{2 ** (power - 20)} MiB"
        body.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 5}" stroke="#777777"/><text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{size}</text>')
    families: dict[str, list[str]] = {}
    for form in rows:
        families.setdefault(family(form), []).append(form)
    for colour, (name, members) in zip(COLOURS, families.items()):
        points = sorted((*place(rows[form]), label(form)) for form in members)
        if name in ("every", "pyramid", "depth", "join"):  # from the whole passage on
            points.append((*place(rows["fp32"]), ""))
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        body.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for x, y, text in points:
            body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
            if text:
                body.append(f'<text x="{x + 6:.1f}" y="{y - 6:.1f}" fill="{colour}">{text}</text>')
        y = TOP + 12 + 20 * list(families).index(name)
        body.append(f'<circle cx="{RIGHT + 20}" cy="{y}" r="4" fill="{colour}"/><text x="{RIGHT + 30}" y="{y + 4}">{name}</text>')
    body.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 44}" text-anchor="middle">bytes a passage, {test}, {model}</text>')
    body.append(f'<text transform="translate(16 {(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">nDCG@10</text>')
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11" fill="#333333" '
           f'role="img" aria-label="nDCG@10 against bytes a passage">\n' + "\n".join(body) + "\n</svg>\n")
    arguments.output.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
