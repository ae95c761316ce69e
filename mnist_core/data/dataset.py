"""A dataset: images and labels as uint8 arrays, and its outline, which is all but the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from mnist_core.data.known import SPECS, is_digits, title
from mnist_core.data.limits import CLASSES, NAME, check_class_name, check_image_shape

Ground = Literal["dark", "light", "mixed"]


def ground(images: NDArray[np.uint8]) -> Ground:
    """What images ``(n, height, width[, 3])`` show their things on, judged by their edges."""
    edges = np.concatenate(
        [images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()]  # corners count twice
    )
    if (edges < 64).mean() > 0.6:
        return "dark"
    return "light" if (edges > 191).mean() > 0.6 else "mixed"


class Outline(BaseModel):
    """What there is to know of a dataset without its images; a run keeps that of its own."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=f"^{NAME}$")
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    """Of one image: ``(height, width)``, in colour ``(height, width, 3)``."""
    train_images: int
    """How many images there are to train on, validation included."""
    test_images: int
    ground: Ground = "dark"
    """Only :attr:`Dataset.outline` has looked; elsewhere it is as in MNIST."""

    def model_post_init(self, _context: object) -> None:
        # A run may come from elsewhere.
        if not CLASSES[0] <= self.classes <= CLASSES[1]:
            raise ValueError(f"{self.classes} classes; allowed: {CLASSES[0]} to {CLASSES[1]}")
        for class_name in self.class_names:
            check_class_name(class_name)
        check_image_shape("image_shape, with the number of images,", (1, *self.image_shape))

    @property
    def title(self) -> str:
        """What people call it."""
        return title(self.name)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def is_digits(self) -> bool:
        """Whether it is MNIST, whole or in part."""
        return is_digits(self.name)

    @property
    def is_drawn(self) -> bool:
        """Whether drawings can be shown to its networks: MNIST, and whatever of one's own is as
        small and grey."""
        return self.is_digits or (self.name not in SPECS and self.image_shape == (28, 28))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, read-only.

    Images are uint8, C-contiguous, ``(n, height, width)`` or ``(n, height, width, 3)``; in MNIST 0
    is paper and 255 ink. Labels are uint8 ``(n,)``, indices into ``class_names``.
    """

    name: str
    title: str
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]
    class_names: tuple[str, ...]
    source: str
    """Who made it and the file it was read from, for people to read."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image, e.g. ``(28, 28)``."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def outline(self) -> Outline:
        """All but the images."""
        return Outline(
            name=self.name,
            class_names=self.class_names,
            image_shape=self.image_shape,
            train_images=len(self.x_train),
            test_images=len(self.x_test),
            ground=ground(self.x_train),
        )
