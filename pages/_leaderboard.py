"""The best runs on each dataset: their places, what puts them there, and where they err."""

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

import streamlit as st

from mnist_core.data.known import title
from mnist_core.png import address
from mnist_core.runs.catalog import Summary
from mnist_core.runs.leaderboard import Leaderboard, Standing
from mnist_core.words import sureness
from pages import _cached, _names

STYLE = """
<style>
ol.board { list-style: none; margin: 0; padding: 0; counter-reset: place; font-size: 0.9375rem; }
ol.board li { counter-increment: place; margin: 0; padding: 0.625rem 0; display: grid;
  grid-template-columns: 1.75rem 1fr auto; column-gap: 0.625rem; align-items: center;
  border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
ol.board.pictures li { grid-template-columns: 1.75rem 2.75rem 1fr auto; }
.board li::before { content: counter(place); grid-row: 1 / 3; text-align: center;
  font-size: 1.125rem; font-weight: 600; line-height: 1.75rem; border-radius: 50%; }
.board li:first-child::before { background: #f6c945; color: #2b2100; }
.board li:nth-child(2)::before { background: #cbd2d6; color: #1d2326; }
.board li:nth-child(3)::before { background: #dca06d; color: #2b1600; }
.board .picture { grid-row: 1 / 3; width: 2.75rem; height: 2.75rem; }
.board img { width: 100%; height: 100%; image-rendering: pixelated; border-radius: 4px; }
.board .name { min-width: 0; overflow-wrap: anywhere; }
.board .figure { font-weight: 600; font-variant-numeric: tabular-nums; }
.board .bar { grid-column: -3 / -1; height: 0.375rem; margin-top: 0.25rem; border-radius: 3px;
  background: color-mix(in srgb, currentColor 14%, transparent); }
.board .bar i { display: block; height: 100%; min-width: 2px; border-radius: 3px;
  background: light-dark(#0f766e, #2dd4bf); }
.scale { display: flex; justify-content: space-between; margin: 0 0 0 2.375rem;
  font-size: 0.8125rem; color: color-mix(in srgb, currentColor 78%, transparent); }
.pictures + .scale { margin-left: 5.75rem; }
</style>
"""


def show(board: Leaderboard) -> None:
    """One board: the most accurate and, of those over the bar, the smallest and fastest."""
    st.subheader(title(board.dataset))
    st.caption(f"{board.train_images:,} images to train on, {board.test_images:,} to test with.")
    columns: list[tuple[str, list[Standing], Callable[[Sequence[Standing]], Rows]]] = [
        ("Best accuracy", board.most_accurate, by_accuracy)
    ]
    if board.bar is not None:
        columns += [
            (f"Fewest weights at {board.bar:.0%}", board.smallest, by_weights),
            (f"Fastest to {board.bar:.0%}", board.fastest, by_seconds),
        ]
    with st.grid(3, min_column_width=300):
        for name, standings, rows in columns:
            with st.container():
                st.markdown(f"**{name}**")
                if not standings:
                    st.caption(f"No run has reached {board.bar:.0%} on the test images yet.")
                    continue
                pictures = "pictures" if rows is by_accuracy else ""
                label = html.escape(f"{name} on {title(board.dataset)}")
                found = rows(standings)
                st.html(
                    f'{STYLE}<ol class="board {pictures}" role="list" aria-label="{label}">'
                    f"{''.join(found.rows)}</ol>"
                    f'<div class="scale"><span>{found.least}</span><span>{found.most}</span></div>'
                )


class Rows(NamedTuple):
    """The places on a board, and what the ends of their bars' scale stand for."""

    rows: list[str]
    least: str
    most: str


def by_accuracy(standings: Sequence[Standing]) -> Rows:
    """With the interval that each accuracy lies in, on one scale, and a surest mistake."""
    intervals = [standing.interval for standing in standings]
    least, most = min(low for low, _ in intervals), max(high for _, high in intervals)
    rows = [
        row(
            name,
            standing.group.in_words() if standing.group else f"{standing.accuracy:.2%}",
            (low - least) / (most - least),
            (high - low) / (most - least),
            picture(standing.summary),
        )
        for name, standing, (low, high) in zip(names(standings), standings, intervals, strict=True)
    ]
    return Rows(rows, f"{least:.1%}", f"{most:.1%}")


def by_weights(standings: Sequence[Standing]) -> Rows:
    return by([standing.weights for standing in standings], "{:,}", standings)


def by_seconds(standings: Sequence[Standing]) -> Rows:
    return by([standing.seconds for standing in standings], "{:.1f} s", standings)


def by(figures: Sequence[float], words: str, standings: Sequence[Standing]) -> Rows:
    """With bars from zero."""
    most = max(figures) or 1
    rows = [
        row(name, words.format(figure), 0, figure / most)
        for name, figure in zip(names(standings), figures, strict=True)
    ]
    return Rows(rows, "0", words.format(most))


def names(standings: Sequence[Standing]) -> list[str]:
    """What to call each, and of how many seeds it is the mean."""
    of_runs = {
        standing.summary.run.id: _names.full_name(standing.summary)
        + (f" ·\u00a0{len(standing.group.seeds)}\u00a0seeds" if standing.group else "")
        for standing in standings
    }
    return [*_names.with_ids(of_runs).values()]


def row(name: str, figure: str, start: float, length: float, picture: str = "") -> str:
    """A place on a board; its bar begins and ends at these shares of the whole."""
    return (
        f'<li>{picture}<span class="name">{html.escape(name)}</span>'
        f'<span class="figure">{figure}</span><span class="bar">'
        f'<i style="margin-left:{start:.2%};width:{length:.2%}"></i></span></li>'
    )


def picture(summary: Summary) -> str:
    """The image that the network was surest about, and wrong; nothing where it can't be shown."""
    found = _cached.surest_mistake(summary.run, summary.config.dataset)
    if found is None:
        return '<span class="picture"></span>'
    words = html.escape(
        f"Its surest mistake: {found.true}, taken for {found.predicted} with "
        f"{sureness(found.confidence)}"
    )
    return (
        f'<span class="picture"><img src="{address(found.image)}" '
        f'alt="{words}" title="{words}"></span>'
    )
