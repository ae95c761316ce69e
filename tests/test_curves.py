"""Thinning keeps what a reader would see, and smoothing is what it is said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_core.curves import gentle, smooth, thin

NOISE = np.random.default_rng(0).normal(size=10_000)
anything = arrays(float, st.integers(0, 500), elements=st.floats(-1e6, 1e6) | st.just(np.nan))


@given(anything, st.integers(1, 40))
def test_thinning_keeps_ends_and_extremes_in_order(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], buckets: int
) -> None:
    chosen = thin(values, buckets)
    finite = np.flatnonzero(np.isfinite(values))

    assert len(chosen) <= 2 * buckets + 2
    assert (np.diff(chosen) > 0).all()
    assert np.isin(chosen, finite).all()
    if len(finite):
        assert (chosen[0], chosen[-1]) == (finite[0], finite[-1])
        assert values[chosen].min() == values[finite].min()
        assert values[chosen].max() == values[finite].max()


def test_few_points_are_all_drawn() -> None:
    assert thin(NOISE[:200], 100).tolist() == list(range(200))


def test_each_part_of_a_long_series_keeps_its_extremes() -> None:
    chosen = thin(NOISE, 100)

    for start in range(0, 9_984, 128):  # 10,000 points in at most 100 buckets of a power of two
        part = np.arange(start, start + 128)
        assert {part[NOISE[part].argmin()], part[NOISE[part].argmax()]} <= {*chosen.tolist()}


def test_what_has_been_drawn_stays_while_a_series_grows() -> None:
    """Up to the bucket that was being filled."""
    for end in range(6_500, 10_000, 321):
        before, after = thin(NOISE[:end], 100), thin(NOISE[: end + 321], 100)
        whole = end // 128 * 128
        assert before[before < whole].tolist() == after[after < whole].tolist()


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.6, 0.99, 0.999])
def test_smoothing_is_tensorboards(weight: float) -> None:
    """As its source has it, in TypeScript: one value after the other."""
    average, expected = 0.0, []
    for number, value in enumerate(NOISE, 1):
        average = average * weight + (1 - weight) * value
        expected.append(average / (1 - weight**number))

    assert smooth(NOISE, weight, np.full(len(NOISE), 64.0)) == pytest.approx(
        np.array(expected), rel=1e-9, abs=1e-9
    )


def test_what_is_not_finite_has_no_part_in_the_average() -> None:
    values = np.array([1.0, np.nan, 3.0, np.inf])
    smoothed = smooth(values, 0.5, np.ones(4))

    assert smoothed[[0, 2]] == pytest.approx([1, (0.25 + 1.5) / 0.75])
    assert not np.isfinite(smoothed[[1, 3]]).any()


def test_a_value_counts_as_often_as_its_images() -> None:
    """The last batch of an epoch, of 16 images and no mistake, hardly moves the line."""
    smoothed = smooth(np.array([0.8, 1.0]), 0.5, np.array([512.0, 16.0]))

    assert smoothed == pytest.approx([0.8, (0.5 * 512 * 0.8 + 16 * 1.0) / (0.5 * 512 + 16)])


def test_nothing_is_smoothed_to_nothing() -> None:
    assert smooth(np.array([]), 0.6, np.array([])).tolist() == []


@pytest.mark.parametrize(
    ("points", "weight"), [(0, 0), (6, 0), (10, 0), (20, 0.5), (25, 0.6), (10_000, 0.6)]
)
def test_no_more_than_a_tenth_of_a_curve_is_smoothed_over(points: int, weight: float) -> None:
    assert gentle(0.6, points) == pytest.approx(weight)
