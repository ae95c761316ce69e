"""A small dense network that learns step by step, in NumPy, so that each number can be shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.inside import scaled
from mnist_core.validation import split

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]

UNITS = 32
BATCH = 64
RATE = 0.1
"""The learning rate of plain gradient descent."""


@dataclass(frozen=True)
class Pass:
    """What a network makes of images, layer by layer."""

    sums: Floats
    """``(n, units)``: weighted sums and bias of the hidden units."""
    hidden: Floats
    """``(n, units)``: what they answer, by ReLU."""
    logits: Floats
    """``(n, classes)``."""
    probabilities: Floats
    """``(n, classes)``, by softmax."""

    def losses(self, labels: Labels) -> Floats:
        """The cross-entropy of each image, ``(n,)``, in nats."""
        of_true = self.probabilities[np.arange(len(labels)), labels]
        losses: Floats = -np.log(np.maximum(of_true, np.finfo(np.float32).tiny))
        return losses


@dataclass
class SmallNetwork:
    """One hidden layer of rectified units, and softmax.

    Weights begin at random as Keras's do (Glorot and Bengio 2010), biases at zero.
    """

    inputs: int
    classes: int
    seed: int = 0
    steps: int = 0
    """Taken so far."""
    weights: Floats = field(init=False)
    """``(inputs, units)``."""
    bias: Floats = field(init=False)
    out_weights: Floats = field(init=False)
    """``(units, classes)``."""
    out_bias: Floats = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.weights = _begun(random, self.inputs, UNITS)
        self.bias = np.zeros(UNITS, np.float32)
        self.out_weights = _begun(random, UNITS, self.classes)
        self.out_bias = np.zeros(self.classes, np.float32)

    def answer(self, images: Floats, kept: Floats | None = None) -> Pass:
        """Ask about images.

        Args:
            images: ``(n, inputs)`` in [0, 1].
            kept: ``(units,)``: what the hidden units are multiplied with, 0 for those dropped.
        """
        sums = images @ self.weights + self.bias
        hidden = np.maximum(sums, 0) * (1 if kept is None else kept)
        logits = hidden @ self.out_weights + self.out_bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Pass(sums, hidden, logits, shares / shares.sum(axis=1, keepdims=True))

    def step(self, images: Floats, labels: Labels) -> None:
        """One step of gradient descent on the mean loss of some images (backpropagation)."""
        told = self.answer(images)
        of_logits = told.probabilities.copy()
        of_logits[np.arange(len(labels)), labels] -= 1
        of_logits /= len(labels)
        of_sums = (of_logits @ self.out_weights.T) * (told.sums > 0)
        self.out_weights -= RATE * told.hidden.T @ of_logits
        self.out_bias -= RATE * of_logits.sum(axis=0)
        self.weights -= RATE * images.T @ of_sums
        self.bias -= RATE * of_sums.sum(axis=0)
        self.steps += 1

    def next_batch(self, images: int) -> NDArray[np.intp]:
        """Which of so many images the next step learns from; the same after as many steps."""
        random = np.random.default_rng((self.seed, self.steps))
        return random.choice(images, min(BATCH, images), replace=False)


def _begun(random: np.random.Generator, inputs: int, outputs: int) -> Floats:
    limit = np.sqrt(6 / (inputs + outputs))
    return random.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)


def dropped(share: float, seed: int) -> Floats:
    """What dropout multiplies the hidden units with, ``(units,)``: 0, or what makes up for that."""
    stays = np.random.default_rng(seed).random(UNITS) >= share
    kept: Floats = (stays / (1 - share)).astype(np.float32)
    return kept


def shifted(images: Floats, across: int) -> Floats:
    """Images moved to the right by so many pixels, ``(n, height, width)``; black comes in."""
    moved = np.zeros_like(images)
    width = images.shape[2]
    if across >= 0:
        moved[:, :, across:] = images[:, :, : width - across]
    else:
        moved[:, :, :across] = images[:, :, -across:]
    return moved


# --- What it learns from, and how it does ---

NOTED = 20
"""Steps from one note of the loss to the next."""
JUDGED = 1_000
"""Of the images that it learns from, those whose loss is noted."""


@dataclass(frozen=True)
class Images:
    """Images to learn from, and those that are held back; as the network is given them."""

    learned: Floats
    """``(n, inputs)``."""
    labels: Labels
    held_back: Floats
    """``(m, inputs)``."""
    held_back_labels: Labels

    @classmethod
    def of(cls, dataset: Dataset) -> Images:
        """The training images of a dataset, divided as the article's recipe does."""
        inputs = scaled(dataset.x_train).reshape(len(dataset.x_train), -1)
        learned, held_back = split(TrainingConfig(dataset=dataset.name), len(inputs))
        labels = dataset.y_train
        return cls(inputs[learned], labels[learned], inputs[held_back], labels[held_back])


@dataclass
class Learned:
    """A network on its way, and how it has done so far."""

    network: SmallNetwork
    steps: list[int] = field(default_factory=list)
    """After which there is a note."""
    losses: list[tuple[float, float]] = field(default_factory=list)
    """The mean loss on images that it learns from, and on those that are held back."""

    @classmethod
    def begin(cls, images: Images) -> Learned:
        """Before the first step."""
        learned = cls(SmallNetwork(images.learned.shape[1], int(images.labels.max()) + 1))
        learned._note(images)
        return learned

    def take(self, steps: int, images: Images) -> None:
        """Learn for so many steps."""
        for number in range(1, steps + 1):
            batch = self.network.next_batch(len(images.learned))
            self.network.step(images.learned[batch], images.labels[batch])
            if number % NOTED == 0 or number == steps:
                self._note(images)

    def _note(self, images: Images) -> None:
        seen = images.learned[:JUDGED], images.labels[:JUDGED]
        loss, held_back = (
            float(self.network.answer(inputs).losses(labels).mean())
            for inputs, labels in (seen, (images.held_back, images.held_back_labels))
        )
        self.steps.append(self.network.steps)
        self.losses.append((loss, held_back))
