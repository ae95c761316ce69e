"""Two and more runs beside each other: which settings differ, and whether one network is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core import words
from mnist_core.config import FIELDS, TrainingConfig
from mnist_core.evaluation import Evaluation, mistakes
from mnist_core.runs.seeds import Difference


class NotComparable(ValueError):  # noqa: N818
    """Two networks were tested on different images."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The answers of two networks to the same ``n`` test images."""

    images: int
    """How many there are."""
    only_first: NDArray[np.int64]
    """Indices of the images that the first one alone got right, the second one's most confident
    mistakes first."""
    only_second: NDArray[np.int64]
    """The same the other way round."""
    p_value: float
    """How often chance alone would split the images on which one is right and the other wrong as
    unevenly as this, or more, if both were equally good: McNemar's test."""


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two networks image by image.

    McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", 1947, with exact binomial probabilities in place of his approximation, which is
    poor for few images. Dietterich, "Approximate statistical tests for comparing supervised
    classification learning algorithms", 1998, recommends it for networks that are trained once.

    Raises:
        NotComparable: they were tested on different images.
    """
    # Not at the top: it takes a fifth of a second, and only a page with a comparison needs it.
    from scipy.special import bdtr

    if not np.array_equal(first.labels, second.labels):
        raise NotComparable(
            f"the test sets differ: {len(first.labels):,} images and {len(second.labels):,} images"
            if len(first.labels) != len(second.labels)
            else "the test sets differ: their images belong to other classes"
        )
    if first.class_names != second.class_names:
        raise NotComparable("the test sets differ: their classes have other names")
    wrong, other_wrong = mistakes(first), mistakes(second)
    only_first = np.setdiff1d(other_wrong, wrong, assume_unique=True)
    only_second = np.setdiff1d(wrong, other_wrong, assume_unique=True)
    fewer, more = sorted((len(only_first), len(only_second)))
    return Comparison(
        images=len(first.labels),
        only_first=only_first,
        only_second=only_second,
        # Twice one tail, for either network might have been the better one.
        p_value=min(1.0, 2 * float(bdtr(fewer, fewer + more, 0.5))),
    )


CHANCE = 0.05
"""What comes up less often than this by chance counts as rare."""
_RARE = (
    f"Less than {CHANCE} counts as more than chance, so one comparison in twenty finds a "
    "difference where there is none."
)


class Verdict(NamedTuple):
    """A comparison in words."""

    facts: str
    """On how many images each network alone is right."""
    judgement: str
    """Whether the difference is more than chance."""
    better: str | None
    """The name of the better network, where one is."""
    method: str
    """How that was judged; empty where there is no difference."""


def in_words(found: Comparison, one: str, other: str) -> Verdict:
    """Say what came of a comparison of the networks of these names."""
    alone, other_alone = len(found.only_first), len(found.only_second)
    total = alone + other_alone
    if not total:
        facts = (
            f"On each of the {found.images:,} test images, both networks are right or both wrong."
        )
        return Verdict(facts, "There is no difference to judge.", None, "")
    facts = (
        f"{one} gets {words.images(alone)} right that {other} gets wrong, and {other} gets "
        f"{words.images(other_alone)} right that {one} gets wrong."
    )
    if alone == other_alone:
        return Verdict(facts, "That is as many: neither is better.", None, "")
    better = None
    if found.p_value < CHANCE:
        better = one if alone > other_alone else other
    chance = f"By chance alone, a difference this large would arise {_how_often(found.p_value)}"
    judgement = (
        f"{chance}: {better} is better." if better else f"{chance}: this one may well be chance."
    )
    method = (
        f"On the other {found.images - total:,} of the {found.images:,} test images, both are "
        f"right or both wrong, which says nothing about the difference. If the networks were "
        f"equally good, each of these {words.images(total)} would fall to one or the other as if a "
        f"coin were tossed. How often coins fall at least this unevenly is McNemar's exact test: "
        f"{_p(found.p_value)}. {_RARE} The test is about these two networks: the same settings "
        "with another seed give another network."
    )
    return Verdict(facts, judgement, better, method)


def settings_in_words(found: Difference, one: str, other: str) -> Verdict:
    """Say which settings reach more, of two that were trained with several seeds each.

    Args:
        one, other: the names of a network of either.
    """
    first, second = found.first, found.second
    facts = (
        f"The settings of {one} reach {first.in_words()} on average of {len(first.seeds)} seeds, "
        f"those of {other} {second.in_words()} of {len(second.seeds)}."
    )
    if not found.difference:
        return Verdict(facts, "That is as much: neither are better.", None, "")
    better = None
    if found.p_value < CHANCE:
        better = one if found.difference < 0 else other
    chance = (
        f"By the chance of seeds alone, a difference this large would arise "
        f"{_how_often(found.p_value)}"
    )
    judgement = (
        f"{chance}: those of {better} are better."
        if better
        else f"{chance}: this one may well be chance."
    )
    method = (
        "The runs of either side differ by their seed alone. How often seeds make two means differ "
        "at least this much if the settings are equally good is Welch's t-test, which takes the "
        f"spread of each side for its own: {_p(found.p_value)}. {_RARE} The test is about the "
        "settings, on these test images; with few seeds, it finds large differences alone."
    )
    return Verdict(facts, judgement, better, method)


LEAST_P = 1e-4
"""What is smaller is not told any more exactly."""


def _p(p_value: float) -> str:
    return f"p < {LEAST_P:.4f}" if p_value < LEAST_P else f"p = {p_value:.2g}"


def _how_often(p_value: float) -> str:
    """A probability, in words that stand after a verb."""
    if p_value < LEAST_P:
        return f"less than once in {1 / LEAST_P:,.0f} times"
    if p_value < 0.1:
        return f"about once in {float(f'{1 / p_value:.2g}'):,.0f} times"
    return f"about {100 * p_value:.0f} times in 100"


def differing(configs: Sequence[TrainingConfig]) -> dict[str, list[Any]]:
    """The settings that are not the same in all configurations: name to the value in each.

    None stands for a setting that the network of a configuration does not have.
    """
    values = {
        name: [getattr(c, name) if c.uses(name) else None for c in configs] for name in FIELDS
    }
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}
