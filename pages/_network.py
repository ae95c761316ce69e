"""The layers of a network as a diagram: what shape the picture has after each."""

import math
from collections.abc import Sequence

import streamlit as st

from mnist_core.network import Layer

SIDE = 34  # pixels, of the picture that goes in
SHEETS = 7  # drawn for 64 channels and more
STYLE = """
<style>
.network { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
.network th, .network td { border: 0; padding: 3px 8px; text-align: left; }
.network thead th { font-weight: 400; opacity: 0.7; }
.network tbody tr + tr td:first-child { background: linear-gradient(
  color-mix(in srgb, currentColor 30%, transparent)) 50% 0 / 2px 5px no-repeat; }
.network td:first-child { width: 64px; padding: 6px 4px 3px; }
.network .number { text-align: right; font-variant-numeric: tabular-nums; }
.network .stack { position: relative; margin: 0 auto; }
.network .stack i { position: absolute; border: solid var(--network-line);
  border-width: 1px 1px 0 0; box-sizing: border-box; }
.network .stack i:last-child { border-width: 1px; background: var(--network-fill); }
.network { --network-line: color-mix(in srgb, currentColor 65%, transparent);
  --network-fill: color-mix(in srgb, currentColor 12%, transparent); }
.network .none { opacity: 0.7; }
</style>
"""


def diagram(layers: Sequence[Layer], image_shape: tuple[int, ...]) -> None:
    """From the picture to the probabilities: each layer, its shape drawn to scale, its weights."""
    rows = [_row("Picture", image_shape, image_shape, None)]
    rows += [_row(layer.words, layer.output_shape, image_shape, layer.weights) for layer in layers]
    st.html(
        f"{STYLE}<table class='network' aria-label='The layers of the network with their output "
        "shapes and weights'><thead><tr><td></td><th scope='col'>Layer</th>"
        "<th scope='col'>Output</th><th scope='col' class='number'>Weights</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(
    kind: str, shape: tuple[int, ...], image_shape: tuple[int, ...], weights: int | None
) -> str:
    output = " × ".join(f"{side:,}" for side in shape)
    counted = f"{weights:,}" if weights else "<span class='none'>–</span>"
    return (
        f"<tr><td aria-hidden='true'>{_drawing(shape, image_shape)}</td><td>{kind}</td>"
        f"<td>{output}</td><td class='number'>{counted}</td></tr>"
    )


def _drawing(shape: tuple[int, ...], image_shape: tuple[int, ...]) -> str:
    """A sheet for each channel, up to a point, or a bar for numbers in a row."""
    if len(shape) == 1:
        length = 6 + 8 * math.log2(shape[0])
        size = (min(56.0, length), 7.0)
        return _sheets(size, 1)
    scale = SIDE / max(image_shape[:2])
    height, width = (max(3.0, side * scale) for side in shape[:2])
    channels = shape[2] if len(shape) == 3 else 1
    return _sheets((width, height), min(SHEETS, 1 + int(math.log2(channels))))


def _sheets(size: tuple[float, float], count: int) -> str:
    width, height = size
    far = 3 * (count - 1)  # they lie behind each other, up and to the right
    sheets = "".join(
        f"<i style='left:{far - 3 * i}px;top:{3 * i}px;width:{width:.0f}px;height:{height:.0f}px'>"
        "</i>"
        for i in range(count)
    )
    return (
        f"<div class='stack' style='width:{width + far:.0f}px;height:{height + far:.0f}px'>"
        f"{sheets}</div>"
    )
