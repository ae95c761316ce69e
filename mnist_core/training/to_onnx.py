"""A network of Keras -> ONNX: ``python -m mnist_core.training.to_onnx MODEL.keras OUTPUT.onnx``.

A program of its own, for the dashboard and the command line do without TensorFlow.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def convert(source: Path, target: Path) -> None:
    """Write the network for any ONNX runtime.

    It takes ``images`` ``(n, height, width)`` float32 in [0, 1] and gives ``probabilities``
    ``(n, classes)`` float32.

    Raises:
        ValueError: an operation of the network has no counterpart in ONNX.
    """
    import keras
    import numpy as np
    import onnx
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    model = keras.saving.load_model(source, compile=False)
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.gelu:
            layer.activation = _gelu
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # Keras exports what has been called
    model.export(target, format="onnx", verbose=False)

    network = onnx.load(target)
    (given,), (answer,) = network.graph.input, network.graph.output
    names = {given.name: "images", answer.name: "probabilities"}
    for node in network.graph.node:
        for places in (node.input, node.output):
            places[:] = [names.get(name, name) for name in places]
    given.name, answer.name = "images", "probabilities"
    for tensor in (given, answer):
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"
    try:
        onnx.checker.check_model(network, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"{source} can't be written as ONNX: {error}") from error
    onnx.save(network, target)


def _gelu(inputs: Any) -> Any:
    """As Keras has it, but by ``erf``: the converter knows no ``erfc``."""
    import tensorflow as tf

    return inputs * 0.5 * (1 + tf.math.erf(inputs * 0.5**0.5))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
