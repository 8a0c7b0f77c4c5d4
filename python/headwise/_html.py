# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Rankings and explanations in a notebook. Colours are half transparent and text has the notebook's own, so that both light
and dark ones can be read; everything that came from a caller is escaped; no script, no style sheet, nothing from outside."""
import html
from collections.abc import Iterable
from typing import Any

SHOWN = 20  # passages
TEXT_SHOWN = 400  # characters of a ranking's passage
_FOR, _AGAINST = "37, 110, 235", "226, 106, 0"  # the colours of web/page.css
_DEEPEST = 0.6  # of a shade: text stays readable on it
_CELL = "padding: 4px 8px; text-align: left; vertical-align: top"
_NUMBER = "padding: 4px 8px; text-align: right; vertical-align: top; font-variant-numeric: tabular-nums"


def escaped(value: Any) -> str:
    """Also of text with lone surrogates, which has no UTF-8."""
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8"))


def _digits(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.4f}"


def _bar(part: float) -> str:
    return (f'<div style="width: 80px; height: 6px; background: rgba(128, 128, 128, .25); border-radius: 3px">'
            f'<div style="width: {100 * part:.0f}%; height: 6px; background: rgb({_FOR}); border-radius: 3px"></div></div>')


def _left_out(count: int) -> str:
    return f'<p style="opacity: .75">and {count} more</p>' if count > 0 else ""


def _caution(hit: Any) -> str:
    """What a reader of the score must know of the passage; "" mostly."""
    if hit.empty:
        return "nothing to read in it"
    if hit.window is not None:
        return f"read in {hit.window.count} windows; the score is that of number {hit.window.number + 1}" + \
            (", and its end was not read" if hit.truncated else "")
    return "cut: its end was not read" if hit.truncated else ""


def ranking_html(ranking: Any) -> str:
    if not ranking:
        return "<p>no passages</p>"
    best, worst = ranking[0].score, min(0.0, ranking[-1].score)
    rows = []
    for hit in ranking[:SHOWN]:
        part = (hit.score - worst) / (best - worst) if best > worst else 1.0
        text = hit.text if len(hit.text) <= TEXT_SHOWN else hit.text[:TEXT_SHOWN] + " …"
        title = f"<strong>{escaped(hit.title)}</strong> " if hit.title else ""
        caution = _caution(hit)
        note = f'<br><em style="opacity: .8">{caution}</em>' if caution else ""
        rows.append(f'<tr><td style="{_NUMBER}">{hit.rank}</td><td style="{_NUMBER}">{_digits(hit.score)}{_bar(part)}</td>'
                    f'<td style="{_CELL}">{escaped(hit.id)}</td>'
                    f'<td style="{_CELL}; white-space: pre-wrap; overflow-wrap: anywhere" dir="auto">{title}{escaped(text)}{note}</td></tr>')
    head = "".join(f'<th scope="col" style="{style}">{word}</th>' for word, style in
                   (("rank", _NUMBER), ("score", _NUMBER), ("id", _CELL), ("passage", _CELL)))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{_left_out(len(ranking) - SHOWN)}"


def _pieces(passage: Any) -> list[tuple[str, float]]:
    """The passage's text cut where tokens begin, with what each piece adds to the score. Tokens that share a character are one
    piece, text that no token has adds nothing."""
    pieces: list[tuple[int, int, float]] = []
    end = 0
    for token in passage.tokens:
        if pieces and token.begin < end:
            begin, _, weight = pieces.pop()
            pieces.append((begin, max(end, token.end), weight + token.weight))
        else:
            if token.begin > end:
                pieces.append((end, token.begin, 0.0))
            pieces.append((token.begin, token.end, token.weight))
        end = max(end, token.end)
    pieces.append((end, len(passage.text), 0.0))
    return [(passage.text[begin:stop], weight) for begin, stop, weight in pieces if stop > begin]


def _shaded(pieces: Iterable[tuple[str, float]], most: float) -> str:
    parts = []
    for text, weight in pieces:
        # The square root spreads what would be lost beside a single strong token.
        shade = _DEEPEST * (abs(weight) / most) ** 0.5 if most > 0 else 0.0
        colour = _FOR if weight > 0 else _AGAINST
        parts.append(f'<span title="{_digits(weight)}" style="background: rgba({colour}, {shade:.3f}); border-radius: 3px">'
                     f"{escaped(text)}</span>" if shade >= 0.01 else escaped(text))
    return "".join(parts)


def explanation_html(explanation: Any) -> str:
    shown = [(passage, _pieces(passage)) for passage in explanation.passages[:SHOWN]]
    if not shown:
        return "<p>no passages</p>"
    most = max((abs(weight) for _, pieces in shown for _, weight in pieces), default=0.0)
    items = "".join(f'<li style="margin: 0 0 10px"><strong>{escaped(passage.id)}</strong> '
                    f'<span style="font-variant-numeric: tabular-nums">{_digits(passage.score)}</span>'
                    f'<div style="white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.75" dir="auto">'
                    f"{_shaded(pieces, most)}</div></li>" for passage, pieces in shown)
    hint = (f'<p>Shade: what each token adds to its passage&rsquo;s score, '
            f'<span style="background: rgba({_FOR}, {_DEEPEST})">&nbsp;for&nbsp;</span> or '
            f'<span style="background: rgba({_AGAINST}, {_DEEPEST})">&nbsp;against&nbsp;</span>, up to {_digits(most)}; '
            f"{len(explanation.heads)} heads read</p>")
    return f"<div>{hint}<ol>{items}</ol>{_left_out(len(explanation.passages) - SHOWN)}</div>"
