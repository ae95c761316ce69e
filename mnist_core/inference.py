"""A trained run -> probabilities, by LiteRT, in microseconds and without TensorFlow."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

BATCH = 256  # images at once: faster than one by one, and the memory stays small

_stderr_lock = threading.Lock()


class ModelError(ValueError):
    """A run's model.tflite is missing or cannot be used; the message names the file."""


class Predictor:
    """What a run's network thinks of images. One predictor may serve several threads.

    Attributes:
        input_shape: the shape of one image, for MNIST (28, 28).
        classes: how many probabilities each image gets.
    """

    def __init__(self, run_folder: Path | str, keep_tensors: bool = False) -> None:
        """Load the network from ``model.tflite`` in a run's folder.

        Args:
            keep_tensors: what each layer answers can be read after a question; it is slower.

        Raises:
            ModelError: the file is missing, damaged, or not a classifier of float32 images that
                gives an answer.
        """
        self._folder = run_folder
        path = Path(run_folder) / "model.tflite"
        try:
            # The bytes, not the path: LiteRT would keep the file mapped, and it may be deleted.
            content = path.read_bytes()
            with _stderr_held_back(), warnings.catch_warnings():
                # That it takes more memory to keep tensors: as much as one batch's, here.
                warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
                self._interpreter = Interpreter(
                    model_content=content, experimental_preserve_all_tensors=keep_tensors
                )
                self._interpreter.allocate_tensors()
            # They have names, which may be damaged, too.
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
        except FileNotFoundError as error:
            raise ModelError(f"{path} does not exist") from error
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} is not a model for LiteRT, or damaged: {error}") from error
        tensors = [*inputs, *outputs]
        if (
            len(inputs) != 1
            or not len(inputs[0]["shape"])
            or [len(output["shape"]) for output in outputs] != [2]
            or any(tensor["dtype"] is not np.float32 for tensor in tensors)
        ):
            found = [(tensor["shape"].tolist(), tensor["dtype"].__name__) for tensor in tensors]
            raise ModelError(
                f"{path} has the tensors {found}; allowed: one float32 tensor of images in, "
                "one of (n, classes) out"
            )
        self.input_shape = tuple(int(side) for side in inputs[0]["shape"][1:])
        self.classes = int(outputs[0]["shape"][1])
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._batch = int(inputs[0]["shape"][0])
        self._lock = threading.Lock()
        # What is damaged further in shows where it is first asked.
        try:
            (answer,) = self._ask(np.zeros((1, *self.input_shape), np.float32), self._output)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} is damaged: {error}") from error
        if answer.shape != (1, self.classes) or not np.isfinite(answer).all():
            raise ModelError(f"{path} is damaged: it gives no answer")

    def check(self, image_shape: tuple[int, ...], classes: int) -> None:
        """Refuse a network that is not for such images, or tells another number of classes apart.

        Raises:
            ModelError: says what it is for.
        """
        if (self.input_shape, self.classes) != (image_shape, classes):
            raise ModelError(
                f"the network of {self._folder} takes images of {self.input_shape} for one of "
                f"{self.classes} classes; those of its dataset are of {image_shape}, for one of "
                f"{classes}"
            )

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Ask the network.

        Args:
            images: (n, *input_shape) float32 in [0, 1]; n may be 0.

        Returns:
            (n, classes) float32; each row sums to 1.

        Raises:
            ValueError: the images have another shape, type or range; names expected and received.
        """
        self._check_images(images)
        if not len(images):
            return np.empty((0, self.classes), np.float32)
        (answers,) = self._answers(images, self._output)
        return answers

    def _check_images(self, images: NDArray[np.float32]) -> None:
        if not isinstance(images, np.ndarray) or images.dtype != np.float32:
            received = getattr(images, "dtype", type(images).__name__)
            raise ValueError(f"images are of type {received}; allowed: float32 array")
        if images.shape[1:] != self.input_shape or images.ndim == 0:
            sides = ", ".join(map(str, self.input_shape))
            raise ValueError(f"images have the shape {images.shape}; allowed: (n, {sides})")
        if not images.size:
            return
        low, high = images.min(), images.max()
        if not (low >= 0 and high <= 1):  # also when one is NaN
            raise ValueError(f"images lie between {low} and {high}, not numbers from 0 to 1")

    def _answers(self, images: NDArray[np.float32], *tensors: int) -> list[NDArray[np.float32]]:
        """What these tensors hold for each of some images, one or more; ``(n, ...)`` each."""
        parts = [self._ask(images[i : i + BATCH], *tensors) for i in range(0, len(images), BATCH)]
        return [np.concatenate(of_tensor) for of_tensor in zip(*parts, strict=True)]

    def _ask(self, batch: NDArray[np.float32], *tensors: int) -> list[NDArray[np.float32]]:
        with self._lock:
            if len(batch) != self._batch:
                self._interpreter.resize_tensor_input(self._input, batch.shape)
                self._interpreter.allocate_tensors()
                self._batch = len(batch)
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(tensor) for tensor in tensors]


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keep LiteRT from announcing its CPU kernels; it has no option for that.

    It writes to file descriptor 2 itself, so replacing ``sys.stderr`` would not do; what goes wrong
    is raised as well. The lock: two overlapping exchanges would leave the descriptor nowhere.
    """
    with _stderr_lock, open(os.devnull, "wb") as nowhere:
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
