"""The network is the one that was asked for, and the seed decides its chance."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.network import describe
from mnist_core.training import model as network
from mnist_core.training.model import (
    BatchNormalization,
    Conv2D,
    Dropout,
    SmoothedCrossentropy,
    has_bfloat16,
    steps_per_execution,
)


def build(**settings: object) -> keras.Model:
    return network.build(TrainingConfig.model_validate(settings), (6, 6), 4, steps=100)


def weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {layer.name: layer.get_weights()[0] for layer in model.layers if layer.get_weights()}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.0},
        {"widths": (8,), "activation": "gelu"},
        {"widths": (9, 8, 7), "activation": "tanh", "dropout": 0.5},
        {"architecture": "convolutional", "filters": (3, 5)},
        {
            "architecture": "convolutional",
            "filters": (4,),
            "kernel_size": 2,
            "convolutions": 2,
            "batch_normalization": False,
            "block_dropout": 0.1,
            "widths": (),
            "activation": "gelu",
        },
        {"architecture": "convolutional", "convolutions": 2, "widths": (7, 5), "dropout": 0.0},
    ],
)
@pytest.mark.parametrize("shape", [(6, 6), (9, 5, 3)])
def test_shapes_and_weights_are_as_described(
    settings: dict[str, object], shape: tuple[int, ...]
) -> None:
    config = TrainingConfig.model_validate(settings)
    model = network.build(config, shape, 4, steps=100)
    built = [
        (layer.name, type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
    ]
    described = describe(config, shape, 4)
    assert built == [(line.name, line.kind, line.output_shape, line.weights) for line in described]


def test_takes_images_and_gives_probabilities() -> None:
    model = build()
    assert model.input_shape == (None, 6, 6)
    assert model(np.zeros((3, 6, 6), np.float32)).shape == (3, 4)
    np.testing.assert_allclose(np.sum(model(np.ones((3, 6, 6), np.float32)), axis=1), 1, rtol=1e-6)


def test_same_seed_same_network_whatever_ran_before() -> None:
    first = weights(build(seed=3))
    build(seed=4, widths=(5, 5, 5))
    tf.random.normal((7,))
    again = weights(build(seed=3))
    other = weights(build(seed=4))
    assert first.keys() == again.keys() == {"dense_1", "dense_2", "probabilities"}
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        assert not np.array_equal(value, other[name])


def test_blocks_begin_by_the_seed_and_unlike_each_other() -> None:
    settings = {"architecture": "convolutional", "filters": (4, 4), "convolutions": 2}
    first, again, other = (weights(build(**settings, seed=seed)) for seed in (3, 3, 4))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        if name.startswith("conv"):
            assert not np.array_equal(value, other[name])
    alike = [first[f"conv_{place}"].tobytes() for place in ("1_2", "2_1", "2_2")]
    assert len(set(alike)) == 3


def test_more_blocks_than_halvings_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"block 3 can't halve 1 × 1.*6 × 6.*at most 2 blocks"):
        build(architecture="convolutional", filters=(4, 4, 4))


def test_pictures_in_colour_are_taken() -> None:
    settings = {"architecture": "convolutional", "filters": (4,)}
    model = network.build(TrainingConfig.model_validate(settings), (9, 5, 3), 4, steps=100)
    assert model.input_shape == (None, 9, 5, 3)
    assert model(np.zeros((2, 9, 5, 3), np.float32)).shape == (2, 4)


@pytest.mark.parametrize("filters", [3, 16], ids=["as Keras does", "in the fused kernel"])
@pytest.mark.parametrize(("number", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_normalization_learns_as_the_stock_layer_does(
    number: str, tolerance: float, filters: int
) -> None:
    drawn = tf.random.stateless_normal((4, 3, 5, filters), seed=(1, 2)) * 3 + 1
    short = tf.cast(drawn, number)
    results = []
    for layer, values in (
        (BatchNormalization(momentum=0.9, autocast=False), short),
        (keras.layers.BatchNormalization(momentum=0.9), tf.cast(short, tf.float32)),
    ):
        layer.build(values.shape)
        layer.gamma.assign(np.linspace(0.5, 2, filters))
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = layer(values, training=True)
            assert outputs.dtype == (tf.float32 if filters % 16 else values.dtype)
            loss = tf.reduce_sum(tf.sin(tf.cast(outputs, tf.float32)))
        gradients = tape.gradient(loss, [values, *(v.value for v in layer.trainable_variables)])
        results.append([outputs, *gradients, *layer.variables, layer(tf.cast(values, tf.float32))])
    for ours, stock in zip(*results, strict=True):
        np.testing.assert_allclose(tf.cast(ours, tf.float32), stock, tolerance, tolerance)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels", [1, 16])
def test_convolution_learns_almost_and_judges_exactly_as_the_stock_layer(
    channels: int, bias: bool
) -> None:
    values = tf.random.stateless_normal((4, 7, 6, channels), seed=(1, 2))
    ours = Conv2D(8, 3, padding="same", use_bias=bias)
    stock = keras.layers.Conv2D(8, 3, padding="same", use_bias=bias)
    for layer in (ours, stock):
        layer.build(values.shape)
    if bias:
        ours.bias.assign(np.arange(8))
    stock.set_weights(ours.get_weights())
    np.testing.assert_array_equal(ours(values), stock(values))
    results = []
    for layer in (ours, stock):
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = tf.cast(layer(values, training=True), tf.float32)
            loss = tf.reduce_sum(outputs**2)
        results.append(tape.gradient(loss, [values, layer.kernel.value]))
    for actual, expected in zip(*results, strict=True):
        assert actual.dtype == tf.float32
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual / scale, expected / scale, atol=0.02)
    exact = np.array_equal(results[0][1], results[1][1])
    assert exact == ((channels == 1 and bias) or not has_bfloat16())


def test_smoothed_labels_are_worth_their_share() -> None:
    guesses = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    labels = np.array([0, 1])
    smoothed = np.full((2, 3), 0.1 / 3)
    smoothed[[0, 1], labels] += 0.9
    expected = -(smoothed * np.log(guesses)).sum(axis=1).mean()
    assert float(SmoothedCrossentropy(0.1)(labels, guesses)) == pytest.approx(expected, rel=1e-5)


def test_dropout_does_not_change_how_the_weights_begin() -> None:
    without = weights(build(dropout=0.0))
    for name, value in weights(build(dropout=0.5)).items():
        np.testing.assert_array_equal(value, without[name])


def test_no_layer_begins_like_another_even_of_the_neighbouring_seed() -> None:
    kernels = [
        kernel
        for seed in (0, 1, 2)
        for name, kernel in weights(build(seed=seed, widths=(36, 36, 36))).items()
        if name != "probabilities"
    ]
    assert len({kernel.tobytes() for kernel in kernels}) == 9


def test_loss_is_right_where_the_network_is_surely_wrong() -> None:
    # A loss made from the softmax's output would be cut off at 16, and its gradient be zero.
    model = build(widths=(4,))
    model.layers[-1].set_weights([np.zeros((4, 4)), np.array([100.0, 0, 0, 0])])
    loss = model.evaluate(np.zeros((2, 6, 6)), np.array([1, 1]), verbose=0)[0]
    assert loss == pytest.approx(100)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"batch_size": 64}, 32),  # the article's: 32 steps take some 40 ms
        ({"batch_size": 1024}, 4),
        ({"batch_size": 1}, 32),
        ({"widths": (4096,) * 8, "batch_size": 1}, 2),  # the update alone takes a while
        ({"widths": (4096,) * 8, "batch_size": 1024}, 1),
        ({"architecture": "convolutional", "batch_size": 128}, 4),  # few weights, much arithmetic
        ({"architecture": "convolutional", "batch_size": 8}, 32),
    ],
)
def test_python_is_asked_more_often_where_steps_are_long(
    settings: dict[str, Any], expected: int
) -> None:
    config = TrainingConfig(**settings)
    layers = describe(config, (28, 28), 10)
    assert steps_per_execution(layers, config.batch_size) == expected


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.001])
def test_dropout_drops_its_share_and_scales_the_rest(rate: float) -> None:
    ones = tf.ones((1000, 333))  # not a multiple of four
    dropped = Dropout(rate, seed=1)(ones, training=True).numpy()
    deviation = np.sqrt(rate * (1 - rate) / dropped.size)
    assert np.mean(dropped == 0) == pytest.approx(rate, abs=5 * deviation)
    np.testing.assert_allclose(dropped[dropped > 0], 1 / (1 - rate), rtol=1e-4)


def test_dropout_is_off_where_nothing_is_learned() -> None:
    values = tf.random.stateless_normal((5, 7), seed=(1, 2))
    np.testing.assert_array_equal(Dropout(0.5, seed=1)(values), values)


def test_dropout_of_rows_columns_and_steps_is_independent() -> None:
    layer = Dropout(0.5, seed=1)
    ones = tf.ones((2000, 6))
    kept = np.hstack([layer(ones, training=True).numpy() > 0 for _ in range(2)])
    correlation = np.corrcoef(kept.T) - np.eye(12)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    assert np.abs(np.corrcoef(kept[:-1, 0], kept[1:, 0])[0, 1]) < 5 / np.sqrt(2000)


def test_dropout_follows_its_seed() -> None:
    ones = tf.ones((64, 64))
    same = [Dropout(0.5, seed=seed)(ones, training=True).numpy() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_only_what_was_kept_learns() -> None:
    values = tf.Variable(tf.ones((8, 8)))
    with tf.GradientTape() as tape:
        dropped = Dropout(0.5, seed=1)(values, training=True)
    np.testing.assert_array_equal(tape.gradient(dropped, values), dropped)
