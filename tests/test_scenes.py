"""What a network makes of images, counted by hand where a hand can."""

import math

import numpy as np
import pytest

from mnist_core import scenes
from mnist_core.config import TrainingConfig
from mnist_core.forward import Network, variable_shapes
from mnist_core.network import describe

CHANCE = np.random.default_rng(0)


def network(image_shape: tuple[int, ...], **settings: object) -> Network:
    layers = describe(TrainingConfig(**settings), image_shape, classes=3)
    return Network(
        [
            (layer, [CHANCE.normal(size=shape).astype(np.float32) for shape in shapes])
            for layer, shapes in variable_shapes(layers, image_shape)
        ]
    )


def test_units_are_silent_that_answer_no_image() -> None:
    asked = network((4, 4), widths=(6, 5))
    (first, (_, bias)), *_ = [pair for pair in asked.variables if pair[0].kind == "Dense"]
    bias[:] = 100
    bias[[1, 4]] = -100
    images = CHANCE.random((70, 4, 4), np.float32)  # more than are asked about at a time
    found = {layer.name: silent for layer, silent in scenes.scene(asked, images).silent}

    assert found["dense_1"] == 2
    assert first.name == "dense_1"
    assert set(found) == {"dense_1", "dense_2"}
    assert scenes.scene(network((4, 4), activation="tanh"), images).silent == []


def test_a_matrix_counts_each_image_once() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]
    scene = scenes.Scene(probabilities, [], np.zeros((4, 2), np.float32), None)
    labels = np.array([0, 1, 2, 2], np.uint8)

    assert scene.confusion(labels).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("image_shape", [(6, 6), (6, 6, 3)])
def test_the_first_weights_have_the_shape_of_what_they_are_laid_over(
    image_shape: tuple[int, ...],
) -> None:
    dense = network(image_shape, widths=(7,))
    kernel = dense.variables[1][1][0]
    assert scenes.first_weights(dense, image_shape).shape == (7, *image_shape)
    np.testing.assert_array_equal(scenes.first_weights(dense, image_shape)[2].ravel(), kernel[:, 2])
    convolutional = network(
        image_shape,
        architecture="convolutional",
        filters=(4,),
        widths=(),
        kernel_size=3,
        batch_normalization=False,
    )
    channels = math.prod(image_shape) // 36
    assert scenes.first_weights(convolutional, image_shape).shape == (4, 3, 3, channels)
    images = CHANCE.random((2, *image_shape), np.float32)
    maps = scenes.scene(convolutional, images).maps
    assert maps is not None
    assert maps.shape == (3, 3, 4)  # after pooling
    assert scenes.scene(dense, images).maps is None


def test_a_map_is_turned_and_mirrored_onto_another_one() -> None:
    onto = CHANCE.normal(size=(40, 2)).astype(np.float32)
    mirrored = onto[:, ::-1] * np.array([1, -1], np.float32)

    np.testing.assert_allclose(scenes.aligned(mirrored, onto), onto, atol=1e-5)


def test_larger_networks_are_asked_about_fewer_images() -> None:
    sizes = [
        scenes.affordable(describe(TrainingConfig(widths=(width, width)), (28, 28), 10))
        for width in (64, 1024, 4096)
    ]

    assert sizes[0] == 500
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= scenes.SHOWN
