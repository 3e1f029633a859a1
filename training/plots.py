"""Draws reliability as SVG: a panel per field, confidence against how often it was right.

One drawing for light and dark pages, so it brings its own ground. Knows bins and counts; knows
nothing about fields or builds.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from inference.calibration import Monotone
from training.reliability import Bin, Certainty, Reliability, count_by_confidence

_COLUMNS = 4
_WIDTH = 920
_HEAD = 72
_CELL_WIDTH, _CELL_HEIGHT = 222, 284
_LEFT, _TOP, _SIDE = 40, 54, 168
"""Of the square in its cell."""
_STRIP_TOP, _STRIP_HEIGHT = 22, 22
"""Of the counts below the square."""
_GROUND, _PAPER, _RULE, _INK, _FAINT = "#f8fafc", "#ffffff", "#cbd5e1", "#0f172a", "#64748b"
_BEFORE, _AFTER = "#c2410c", "#0f766e"


def draw_reliability(found: Sequence[Reliability]) -> str:
    """Draw a panel for each field, four in a row."""
    height = _HEAD + -(-len(found) // _COLUMNS) * _CELL_HEIGHT + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-labelledby="title description" '
        'font-family="ui-sans-serif, system-ui, sans-serif" font-size="11">',
        '<title id="title">Reliability of the confidence of each field</title>',
        '<desc id="description">For each field: mean confidence of rows of like confidence, '
        "against how often they were right, before and after calibration.</desc>",
        f'<rect width="{_WIDTH}" height="{height}" rx="10" fill="{_GROUND}"/>',
        *_draw_legend(),
    ]
    for place, one in enumerate(found):
        left = 16 + place % _COLUMNS * _CELL_WIDTH
        top = _HEAD + place // _COLUMNS * _CELL_HEIGHT
        lines += [f'<g transform="translate({left} {top})">', *_draw_panel(one), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _draw_legend() -> Iterator[str]:
    yield _text(24, 30, "How sure the build is, and how often it is right", size=15, weight=600)
    yield f'<circle cx="30" cy="46" r="3.5" fill="{_PAPER}" stroke="{_BEFORE}" stroke-width="1.5"/>'
    yield _text(39, 50, "before")
    yield f'<circle cx="92" cy="46" r="3.5" fill="{_AFTER}"/>'
    yield _text(101, 50, "after calibration, with 95 % intervals")
    yield f'<path d="M322 46h22" stroke="{_FAINT}" stroke-dasharray="3 3"/>'
    yield _text(350, 50, "as sure as right")
    yield _text(452, 50, "Below each panel: rows by confidence. Rows that nothing was fitted on.")


def _draw_panel(found: Reliability) -> Iterator[str]:
    lens, field = found.name.split(".", maxsplit=1)
    yield _text(_LEFT, 14, field, size=12, weight=600)
    yield _text(_LEFT, 28, lens, fill=_FAINT)
    errors = f"error {found.before.error:.2f} → {found.after.error:.2f}"
    yield _text(_LEFT, 44, f"{errors} on {found.after.rows} rows")
    yield (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="{_PAPER}" '
        f'stroke="{_RULE}"/>'
    )
    yield from _draw_axes("agreement" if isinstance(found.calibration, Monotone) else "right")
    yield (f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{_FAINT}" stroke-dasharray="3 3"/>')
    yield from _draw_curve(found.before.bins(), _BEFORE, is_filled=False)
    yield from _draw_curve(found.after.bins(), _AFTER, is_filled=True)
    yield from _draw_counts(found.before, found.after)


def _draw_axes(meaning: str) -> Iterator[str]:
    for value, label in ((0.0, "0"), (0.5, "½"), (1.0, "1")):
        yield _text(_LEFT - 5, _y(value) + 4, label, anchor="end", fill=_FAINT)
        yield _text(_x(value), _TOP + _SIDE + 14, label, anchor="middle", fill=_FAINT)
    middle = _y(0.25)
    yield (
        f'<text transform="translate({_LEFT - 10} {middle}) rotate(-90)" text-anchor="middle" '
        f'fill="{_FAINT}">{meaning}</text>'
    )
    yield _text(_x(0.25), _TOP + _SIDE + 14, "confidence", anchor="middle", fill=_FAINT)


def _draw_curve(bins: Sequence[Bin], colour: str, *, is_filled: bool) -> Iterator[str]:
    places = [(_x(one.confidence), _y(one.agreement)) for one in bins]
    if is_filled:
        for one, (x, _) in zip(bins, places, strict=True):
            low, high = chance_bounds(one)
            yield f'<path d="M{x} {_y(low)}V{_y(high)}" stroke="{colour}" stroke-opacity="0.35"/>'
    line = "L".join(f"{x} {y}" for x, y in places)
    yield f'<path d="M{line}" stroke="{colour}" stroke-width="1.2" fill="none"/>'
    dot = f'r="3" fill="{colour if is_filled else _PAPER}" stroke="{colour}" stroke-width="1.3"'
    yield from (f'<circle cx="{x}" cy="{y}" {dot}/>' for x, y in places)


def _draw_counts(before: Certainty, after: Certainty) -> Iterator[str]:
    """Draw two bars for each tenth of confidence."""
    counts = [count_by_confidence(side) for side in (before, after)]
    most = max(map(max, counts))
    floor = _TOP + _SIDE + _STRIP_TOP + _STRIP_HEIGHT
    width = _SIDE / len(counts[0]) / 2 - 1
    for side, colour in enumerate((_BEFORE, _AFTER)):
        for tenth, count in enumerate(counts[side]):
            height = round(_STRIP_HEIGHT * count / most, 1)
            if height:
                x = round(_x(tenth / 10) + 1 + side * (width + 0.5), 1)
                yield (
                    f'<rect x="{x}" y="{round(floor - height, 1)}" width="{width:.1f}" '
                    f'height="{height}" fill="{colour}"/>'
                )
    yield f'<path d="M{_x(0)} {floor}H{_x(1)}" stroke="{_RULE}"/>'
    yield _text(_LEFT - 5, floor - _STRIP_HEIGHT + 8, str(most), anchor="end", fill=_FAINT, size=10)


def chance_bounds(one: Bin) -> tuple[float, float]:
    """Give the 95 % interval of a bin's share (Wilson 1927)."""
    z, share, rows = 1.96, one.agreement, one.rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    spread = z * (share * (1 - share) / rows + (z / (2 * rows)) ** 2) ** 0.5 / (1 + z * z / rows)
    return max(middle - spread, 0.0), min(middle + spread, 1.0)


def _x(value: float) -> float:
    return round(_LEFT + value * _SIDE, 1)


def _y(value: float) -> float:
    return round(_TOP + (1 - value) * _SIDE, 1)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    fill: str = _INK,
    size: int = 11,
    weight: int = 400,
) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{fill}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
