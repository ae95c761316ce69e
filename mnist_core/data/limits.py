"""What a dataset of one's own may be: its name, its classes, the shape of its images."""

from __future__ import annotations

NAME = r"[a-z0-9][a-z0-9-]{0,39}"
"""What a dataset may be called."""
CLASSES = (2, 100)
SIDES = (4, 96)
"""Pixels."""
MOST_BYTES = 400_000_000
"""Of all images of a dataset of one's own, unpacked; the whole of CIFAR-10 takes 184 million."""
LONGEST_CLASS_NAME = 40


def check_class_name(name: str) -> None:
    """Refuse what no class of one's own can be called.

    Raises:
        ValueError: names it, and what is allowed.
    """
    if (
        not 1 <= len(name) <= LONGEST_CLASS_NAME
        or not name.isprintable()
        or name != name.strip()
        or name in ("All", "Any")  # which stand for all classes in the menus
    ):
        raise ValueError(
            f"a class is called {name!r}; allowed: 1 to {LONGEST_CLASS_NAME} characters that can "
            "be printed, no space at either end, and not All or Any"
        )


def check_image_shape(key: str, shape: tuple[int, ...]) -> None:
    """Refuse images that no dataset of one's own can have.

    Raises:
        ValueError: names the array, its shape and what is allowed.
    """
    sides, channels = shape[1:3], shape[3:]
    if (
        len(sides) != 2
        or channels not in ((), (3,))
        or not all(SIDES[0] <= side <= SIDES[1] for side in sides)
    ):
        raise ValueError(
            f"{key} has the shape {shape}; allowed: (n, height, width) or (n, height, width, 3), "
            f"sides of {SIDES[0]} to {SIDES[1]} pixels"
        )
