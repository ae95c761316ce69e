"""A network as a drawing, from the picture to the answer, with an image on its way through it.

It is HTML without a script, in the colours of what is around it. The rows lie below each other, so
that a deep network is long and a phone is wide enough. Beside each row its layers stand in words:
who can't see the drawing is told the same.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_core.data.dataset import Outline
from mnist_core.figures import FRAME, NEUTRAL
from mnist_core.network import Layer
from mnist_core.png import address
from mnist_core.words import counted

SIDE = 84
"""Pixels, of the longer side of the picture that goes in; all others are to its scale."""
SIDE_WHERE_NARROW = 56
SMALLEST = 8
"""Pixels, of a picture of which little is left."""
ALL_DRAWN = 10
"""Units up to which each has its circle; of more, there are two circles for each doubling."""
SLOTS = 25
"""How many circles a row has room for: those of 4,096 units, and the gap between them."""
MOST_BARS = 10
"""Classes up to which each has its bar; of more, the likeliest."""
WITHIN = {"Reshape", "BatchNormalization", "Activation", "Dropout"}
"""The kinds of layers that leave the values in their places: they are drawn with those before."""


class Passed(NamedTuple):
    """An image, and what a network makes of it."""

    image: NDArray[np.uint8]
    """``(height, width[, 3])``"""
    label: int
    answers: Sequence[NDArray[np.float32]] | None
    """Of each layer, of its ``output_shape``; None: the network was not asked."""


class _Row(NamedTuple):
    """What is drawn side by side: what comes out of a layer, and of those within it."""

    kind: str
    """Of the first layer; ``"Picture"``, of what goes in."""
    layers: Sequence[Layer]
    shape: tuple[int, ...]
    values: NDArray[Any] | None
    """Of that shape, where they are known."""

    @property
    def dropout(self) -> dict[str, Any] | None:
        """The parameters of the dropout behind it, where there is one."""
        return next((x.parameters for x in self.layers if x.kind == "Dropout"), None)

    @property
    def drawn(self) -> list[int]:
        """The units that have a circle: the first ones and the last ones."""
        units = self.shape[-1]
        if units <= ALL_DRAWN:
            return [*range(units)]
        count = min(SLOTS - 1, max(ALL_DRAWN, round(2 * math.log2(units))))
        return [*range(count - count // 2), *range(units - count // 2, units)]

    @property
    def slots(self) -> list[int]:
        """The places of the circles, of :data:`SLOTS`; where units are left out, one stays free."""
        left_out = self.shape[-1] > len(self.drawn)
        half = len(self.drawn) - len(self.drawn) // 2
        return [i + (left_out and i >= half) for i in range(len(self.drawn))]

    @property
    def length(self) -> str:
        """Of the row, in CSS."""
        return f"{100 * (self.slots[-1] + 1) / SLOTS:g}%"


def drawing(layers: Sequence[Layer], outline: Outline, passed: Passed | None = None) -> str:
    """The network before it is trained, as HTML.

    Args:
        passed: an image that goes through it; None where there is none.
    """
    rows = [*_rows(layers, outline.image_shape, passed)]
    items = []
    for i, row in enumerate(rows):
        before, behind = (rows[i - 1] if i else None), (rows[i + 1] if i + 1 < len(rows) else None)
        drawn = (_link(before, row) if before else "") + _drawn(row, behind)
        items.append(
            f'<div>{_words(row, outline, passed)}</div><div aria-hidden="true">{drawn}</div>'
        )
    said = "Its answer, untrained" if passed and passed.answers else "All classes alike"
    items.append(f"<div><b>{said}</b></div>{_bars(outline, passed)}")
    listed = (f'<div role="listitem">{item}</div>' for item in items)
    return (
        f'{STYLE}<div class="network" style="--across:{max(outline.image_shape[:2])}">'
        '<div role="list" aria-label="The network, from the picture to the answer">'
        f"{''.join(listed)}</div><p>{_legend(rows, outline, passed)}</p></div>"
    )


def _rows(
    layers: Sequence[Layer], image_shape: tuple[int, ...], passed: Passed | None
) -> Iterator[_Row]:
    """The picture, and a row for each layer that makes something new of what is before it."""
    starts = [i for i, layer in enumerate(layers) if layer.kind not in WITHIN]
    answers = passed.answers if passed else None
    yield _Row("Picture", layers[: starts[0]], image_shape, passed.image if passed else None)
    for start, end in pairwise([*starts, len(layers)]):
        first, values = layers[start], answers[end - 1] if answers else None
        yield _Row(first.kind, layers[start:end], first.output_shape, values)


# --- In words ---


def _words(row: _Row, outline: Outline, passed: Passed | None) -> str:
    lines = [f"<b>{' × '.join(f'{side:,}' for side in row.shape)}</b>"]
    if row.kind == "Picture":
        lines.append(f"A test image: {_name(outline, passed.label)}" if passed else "The picture")
    for layer in row.layers:
        weights = f" <small>{counted(layer.weights, 'weight')}</small>" if layer.weights else ""
        lines.append(f"{html.escape(layer.words)}{weights}")
    return "".join(f"<div>{line}</div>" for line in lines)


def _legend(rows: list[_Row], outline: Outline, passed: Passed | None) -> str:
    """What the untrained network answers, and what the drawing means, as far as it goes."""
    said = []
    if passed and passed.answers:
        probabilities = passed.answers[-1]
        guess = int(probabilities.argmax())
        said.append(
            "Nothing is learned yet, all weights are random: the network takes this "
            f"{_name(outline, passed.label)} for {_name(outline, guess)} "
            f"({probabilities[guess]:.1%}{', by chance' if guess == passed.label else ''})."
        )
    else:
        why = (
            "This network is too large to be asked before it is trained"
            if passed
            else "No image of this dataset can be read on this machine, so none goes through"
        )
        said.append(f"{why}: the bars give every class the same, which is to guess.")
    if any(row.kind == "Conv2D" for row in rows):
        said.append(
            "Each small picture is what one filter makes of those above; the amber square is all "
            "that one of its values comes from."
        )
    dense = [row for row in rows if row.kind == "Dense"]
    if any(len(row.drawn) < row.shape[-1] for row in dense):
        said.append("Of many units, a few are drawn.")
    if passed and passed.answers:
        said.append("The fuller a circle, the more that unit answers.")
    if any(row.dropout for row in rows):
        said.append("Crossed out or blank: what dropout may switch off in one step of training.")
    return " ".join(said)


def _name(outline: Outline, label: int) -> str:
    return html.escape(outline.class_names[label])


def _bars(outline: Outline, passed: Passed | None) -> str:
    """What the network answers, a bar for each class, or for the likeliest."""
    classes = outline.classes
    answers = passed.answers[-1] if passed and passed.answers else np.full(classes, 1 / classes)
    shown, left_out = [*range(classes)], ""
    if classes > MOST_BARS:
        shown = (-answers).argsort(kind="stable")[:MOST_BARS].tolist()
        left_out = f"{MOST_BARS} of {classes} classes"
    told = [(_name(outline, label), f"{answers[label]:.1%}") for label in shown]
    bars = "".join(
        f'<span title="{name}">{name}</span><span><i style="width:{share}"></i></span>'
        f"<span>{share}</span>"
        for name, share in told
    )
    spoken = ", ".join(f"{name}: {share}" for name, share in told)
    return f'<div>{left_out}<div class="bars" role="img" aria-label="{spoken}">{bars}</div></div>'


# --- Drawn ---


def _drawn(row: _Row, behind: _Row | None) -> str:
    match row.kind:
        case "Flatten":
            return _strip(row)
        case "Dense":
            return _units(row)
    return _pictures(row, behind)


def _pictures(row: _Row, behind: _Row | None) -> str:
    """The picture, or those that the first filters make; on the first one, what is made of it."""
    height, width = (f"max({SMALLEST}px,{side}*var(--pixel))" for side in row.shape[:2])
    sources, marks, more = [""], "", ""
    if row.kind != "Picture":
        sources, marks = _maps(row), _mark("value", *_middle(row), 1, row)
        more = "<b>⋯</b>" if row.shape[2] > len(sources) else ""
    elif row.values is not None:
        sources = [address(row.values)]
    if behind and (side := _looked_at(behind)):
        marks += _mark("seen", *_first_seen(behind), side, row)
    size = f"width:{width};height:{height}"
    pictures = "".join(
        f'<span><span style="{size}">{source and _img(source)}{seen}</span></span>'
        for source, seen in zip_longest(sources, [marks], fillvalue="")
    )
    return f'<div class="pictures">{pictures}{more}</div>'


def _maps(row: _Row) -> list[str]:
    """What the first filters make of an image, as pictures; black is the least of all values."""
    filters = row.shape[2]
    count = min(filters, 1 + round(math.log2(filters)))
    if row.values is None:
        return [""] * count
    grey = _grey(row.values[..., :count], row.dropout)
    return [address(grey[:, :, i]) for i in range(count)]


def _looked_at(row: _Row) -> int | None:
    """The side of the square that each of a row's values comes from, in pixels of those before."""
    parameters = row.layers[0].parameters
    side: int | None = parameters.get("kernel_size") or parameters.get("pool_size")
    return side


def _middle(row: _Row) -> tuple[int, int]:
    """The value whose origin is shown: its row and column."""
    return row.shape[0] // 2, row.shape[1] // 2


def _first_seen(row: _Row) -> tuple[int, int]:
    """The first pixel, row and column, of the square that the value in the middle comes from."""
    down, across = _middle(row)
    if row.kind == "MaxPooling2D":
        side = row.layers[0].parameters["pool_size"]
        return down * side, across * side
    before = (row.layers[0].parameters["kernel_size"] - 1) // 2
    return down - before, across - before


def _mark(kind: str, down: int, across: int, side: int, row: _Row) -> str:
    """A square on a picture, cut off at its edges."""
    height, width = row.shape[:2]
    top, bottom = max(0, down), min(height, down + side)
    left, right = max(0, across), min(width, across + side)
    place = (
        f"left:{left / width:.1%};width:{(right - left) / width:.1%};"
        f"top:{top / height:.1%};height:{(bottom - top) / height:.1%}"
    )
    return f'<i class="{kind}" style="{place}"></i>'


def _strip(row: _Row) -> str:
    """All values in a row, each beside the next."""
    picture = ""
    if row.values is not None:
        strip = Image.fromarray(_grey(row.values, row.dropout)[np.newaxis])
        narrow = strip.resize((min(strip.width, 1000), 1), Image.Resampling.BOX)
        picture = _img(address(np.asarray(narrow)))
    return f'<div class="strip" style="width:{row.length}">{picture}</div>'


def _units(row: _Row) -> str:
    """A circle for each unit, or for some, as full as what it answers."""
    values = np.zeros(row.shape[-1]) if row.values is None else np.abs(row.values)
    full = values / max(float(values.max()), 1e-9)
    off = set()
    if dropout := row.dropout:
        count = round(dropout["rate"] * len(row.drawn))
        chance = np.random.default_rng(dropout["seed"])
        off = {*chance.choice(len(row.drawn), count, replace=False).tolist()}
    circles = [
        '<i class="off"></i>' if i in off else f'<i style="--full:{full[unit]:.0%}"></i>'
        for i, unit in enumerate(row.drawn)
    ]
    gap = next((i for i, slot in enumerate(row.slots) if slot > i), None)
    if gap is not None:
        circles.insert(gap, "<b>⋯</b>")
    return f'<div class="units" style="width:{row.length}">{"".join(circles)}</div>'


def _link(before: _Row, row: _Row) -> str:
    """What leads from one row down to the next."""
    if row.kind == "Dense":  # each value to each unit
        lines = "".join(
            f"M{2 * start + 1},0L{2 * end + 1},9" for start in before.slots for end in row.slots
        )
        fan = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {2 * SLOTS} 9' "
            f"preserveAspectRatio='none'><path d='{lines}' stroke='{NEUTRAL}' stroke-width='0.5' "
            "vector-effect='non-scaling-stroke'/></svg>"
        )
        address = "data:image/svg+xml," + quote(fan, safe=" ,/:='.")
        return f'<img class="fan" alt="" src="{address}">'
    if side := _looked_at(row):
        return f'<i class="beam" style="--from:{side}"></i>'
    return '<i class="gap"></i>'


def _img(source: str) -> str:
    return f'<img alt="" src="{source}">'


def _grey(values: NDArray[Any], dropout: dict[str, Any] | None) -> NDArray[np.uint8]:
    """From black, the least of them, to white; and how opaque that is: not where they drop out.

    Returns:
        The shape of ``values``, and 2.
    """
    above = values - values.min()
    grey = (255 * above / max(float(above.max()), 1e-9)).astype(np.uint8)
    kept = np.full(values.shape, 255, np.uint8)
    if dropout:
        chance = np.random.default_rng(dropout["seed"])
        kept[chance.random(values.shape) < dropout["rate"]] = 0
    return np.stack([grey, kept], axis=-1)


STYLE = f"""
<style>
.network {{ container-type: inline-size; --ink: light-dark(#0f766e, #2dd4bf);
  --line: color-mix(in srgb, currentColor 45%, transparent);
  --faint: color-mix(in srgb, currentColor 8%, transparent);
  max-width: 44rem; font-size: 0.875rem; line-height: 1.35; overflow-wrap: anywhere; }}
.network [role=list] {{ --side: {SIDE_WHERE_NARROW}px;
  --pixel: calc(var(--side) / var(--across)); }}
@container (min-width: 32rem) {{ .network [role=list] {{ --side: {SIDE}px; }} }}
.network [role=listitem] {{ display: grid; column-gap: 0.75rem;
  grid-template-columns: minmax(8.25rem, 2fr) minmax(0, 5fr); }}
.network [role=listitem] > :first-child {{ align-self: end; padding-top: 0.5rem; }}
.network [role=listitem]:last-child > :first-child {{ align-self: start; }}
.network small {{ font-size: inherit; opacity: 0.75; white-space: nowrap; }}
.network [aria-hidden] {{ display: flex; flex-direction: column; justify-content: end; }}
.network img {{ display: block; width: 100%; height: 100%; image-rendering: pixelated; }}
.network .fan {{ flex: 1 0 clamp(2.25rem, 8cqw, 3.5rem); height: 0; min-height: 0;
  opacity: 0.5; }}
.network .gap, .network .beam {{ flex: 1; min-height: 0.75rem; }}
.network .beam {{ width: var(--side); background: {FRAME}; opacity: 0.5;
  --top: calc(var(--from) * var(--pixel) / 2); --end: max(1px, var(--pixel) / 2);
  clip-path: polygon(calc(50% - var(--top)) 0, calc(50% + var(--top)) 0,
    calc(50% + var(--end)) 100%, calc(50% - var(--end)) 100%); }}
.network .pictures {{ display: flex; align-items: center; gap: 3px; }}
.network .pictures > span {{ flex: 0 1 auto; min-width: 5px; }}
.network .pictures > :first-child {{ flex: 0 0 var(--side); }}
.network .pictures > span:last-of-type {{ flex-shrink: 0; }}
.network .pictures > :first-child > span {{ margin: 0 auto; }}
.network .pictures > span > span {{ position: relative; display: block;
  outline: 1px solid var(--line); background: var(--faint); }}
.network .pictures b {{ font-weight: 400; padding-left: 0.25rem; }}
.network .units b {{ display: grid; place-content: center; font: 0.625rem/1 sans-serif; }}
.network .seen, .network .value {{ position: absolute; }}
.network .seen {{ outline: 1.5px solid {FRAME}; }}
.network .value {{ background: {FRAME}; }}
.network .strip {{ height: 14px; outline: 1px solid var(--line); }}
.network .units {{ display: flex; height: 16px; }}
.network .units > * {{ flex: 1; min-width: 0; }}
.network .units i {{ position: relative; }}
.network .units i::before {{ content: ""; position: absolute; inset: 0; margin: auto;
  width: min(80%, 15px); aspect-ratio: 1; border-radius: 50%; box-sizing: border-box;
  border: 1px solid var(--ink);
  background: color-mix(in srgb, var(--ink) var(--full, 0%), transparent); }}
.network .units .off::before {{ opacity: 0.75; border-color: var(--line); background:
  linear-gradient(45deg, transparent 45%, currentColor 45% 55%, transparent 55%),
  linear-gradient(-45deg, transparent 45%, currentColor 45% 55%, transparent 55%); }}
.network .bars {{ display: grid; grid-template-columns: fit-content(45%) 1fr 3.25rem;
  gap: 2px 0.5rem; padding-top: 0.5rem; line-height: 1.2; }}
.network .bars > span {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.network .bars > :nth-child(3n + 1), .network .bars > :nth-child(3n) {{ text-align: right; }}
.network .bars > :nth-child(3n + 2) {{ background: var(--faint); }}
.network .bars i {{ display: block; height: 100%; background: var(--ink); }}
.network p {{ margin: 0.75rem 0 0; font-size: inherit; }}
</style>
"""
