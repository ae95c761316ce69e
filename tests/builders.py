"""What a worker writes of a small run on the sample; a test says what differs where it matters."""

from typing import Any

from mnist_core.runs.events import Batch, Epoch, Fitting

START = 1_000_000.0
"""When all of it happened, unless a test says otherwise."""


def fitting(**figures: Any) -> Fitting:
    """A layer of 16 units, a tenth of the images held back."""
    usual = {
        "time": START,
        "weights": 12_730,
        "train_images": 3_600,
        "validation_images": 400,
        "steps_per_epoch": 57,
        "multiply_adds": 12_704,
    }
    return Fitting(**{**usual, **figures})


def batch(epoch: int = 1, step: int = 32, **figures: Any) -> Batch:
    usual = {"time": START, "loss": 0.5, "accuracy": 0.8, "images_per_second": 9_000}
    return Batch(epoch=epoch, step=step, **{**usual, **figures})


def epoch(number: int = 1, **figures: Any) -> Epoch:
    usual = {
        "time": START,
        "loss": 0.5,
        "accuracy": 0.8,
        "val_loss": 0.4,
        "val_accuracy": 0.9,
        "learning_rate": 0.001,
        "seconds": 1,
        "step": 57,
    }
    return Epoch(epoch=number, **{**usual, **figures})
