"""The fused optimizers do what the stock ones do."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_core.config import TrainingConfig
from mnist_core.training.optimizer import SGD, Cosine, OneCycle, build_optimizer

STEPS = 300
START = np.linspace(-2, 2, 35).reshape(7, 5)
STOCK = {
    "adam": keras.optimizers.Adam,
    "sgd": lambda rate, **settings: keras.optimizers.SGD(rate, momentum=0.9, **settings),
    "rmsprop": keras.optimizers.RMSprop,
}


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"learning_rate": 0.01, **settings})


def descend(optimizer: keras.Optimizer) -> list[np.ndarray]:
    """Minimize a bumpy function of two variables, as ``fit`` would: in a graph."""
    variables = [
        keras.Variable(START, dtype="float32", name="matrix"),
        keras.Variable(np.linspace(1, 3, 5), dtype="float32", name="vector"),
    ]
    optimizer.build(variables)

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(noise: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.sin(3 * variables[0]) + (variables[0] * variables[1]) ** 2)
            value += tf.reduce_sum(noise * variables[0])
        gradients = tape.gradient(value, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)

    chance = np.random.default_rng(0)
    for _ in range(STEPS):
        step(tf.constant(chance.normal(size=(7, 5)), tf.float32))
    return [variable.numpy() for variable in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
@pytest.mark.parametrize("name", STOCK)
def test_fused_is_stock(name: str, schedule: str) -> None:
    ours = build_optimizer(config(optimizer=name, schedule=schedule), STEPS)
    stock = STOCK[name](0.01 if schedule == "constant" else OneCycle(0.01, STEPS))
    expected = descend(stock)
    actual = descend(ours)
    assert [variable.name for variable in ours.variables] == [
        variable.name for variable in stock.variables
    ]
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    assert np.abs(actual[0] - START).max() > 0.1  # it did move


def test_nesterov_momentum_is_stock() -> None:
    ours = descend(build_optimizer(config(optimizer="sgd", nesterov=True), STEPS))
    stock = descend(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True))
    plain = descend(build_optimizer(config(optimizer="sgd"), STEPS))
    for a, b in zip(ours, stock, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    assert np.abs(ours[0] - plain[0]).max() > 1e-3


class BeforeNesterov(SGD):
    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=gradient,
            momentum=self.momentum,
        )


def test_without_nesterov_momentum_sgd_is_what_it_was_to_the_bit() -> None:
    now = descend(build_optimizer(config(optimizer="sgd"), STEPS))
    then = descend(BeforeNesterov(0.01, momentum=0.9))
    for a, b in zip(now, then, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_cycle_rises_for_a_fifth_then_falls_to_zero() -> None:
    rates = np.array([float(OneCycle(0.5, 1000)(step)) for step in range(1000)])
    assert rates.argmax() == 199
    assert rates.max() == pytest.approx(0.5, rel=0.01)
    assert 0 < rates[0] < 0.005
    assert 0 < rates[-1] < 0.005
    np.testing.assert_allclose(np.diff(rates[:199]), 0.5 / 200, rtol=0.01)
    np.testing.assert_allclose(np.diff(rates[200:]), -0.5 / 800, rtol=0.01)


def test_shortest_one_cycle_learns() -> None:
    assert float(OneCycle(0.5, 1)(0)) > 0.1


def test_constant_rate_can_be_changed_while_training() -> None:
    built = build_optimizer(config(), STEPS)
    assert float(built.learning_rate) == pytest.approx(0.01)
    built.learning_rate = 0.5
    assert float(built.learning_rate) == 0.5


def test_sgd_has_momentum() -> None:
    assert build_optimizer(config(optimizer="sgd"), STEPS).momentum == 0.9


def test_cosine_rises_for_a_twentieth_then_falls_gently_to_zero() -> None:
    rates = np.array([float(Cosine(0.5, 1000)(step)) for step in range(1000)])
    assert rates.argmax() == pytest.approx(49, abs=1)
    assert rates.max() == pytest.approx(0.5, rel=0.01)
    assert 0 < rates[0] < 0.015
    assert rates[524] == pytest.approx(0.25, abs=0.002)  # halfway down
    assert 0 < rates[-1] < 0.001
    assert (np.diff(rates[50:]) < 0).all()
    assert float(Cosine(0.5, 1)(0)) > 0.1


@pytest.mark.parametrize("name", STOCK)
def test_weight_decay_is_stock(name: str) -> None:
    ours = build_optimizer(config(optimizer=name, weight_decay=0.5, schedule="cosine"), STEPS)
    stock = STOCK[name](Cosine(0.01, STEPS), weight_decay=0.5)
    for a, b in zip(descend(ours), descend(stock), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


def test_biases_and_normalizations_do_not_decay() -> None:
    built = build_optimizer(config(weight_decay=0.5), STEPS)
    names = ["kernel", "bias", "gamma", "beta"]
    variables = [keras.Variable(1.0, name=name) for name in names]
    built.build(variables)
    built.apply([tf.constant(0.0)] * 4, variables)
    assert [float(v) for v in variables] == pytest.approx([1 - 0.5 * 0.01, 1, 1, 1])


def test_averages_are_of_the_newest_steps() -> None:
    built = build_optimizer(config(ema=0.99), STEPS)
    variable = keras.Variable(5.0, name="kernel")
    built.build([variable])
    values, average = [], 0.0
    for step in range(400):
        built.apply([tf.constant(np.sin(step / 7), tf.float32)], [variable])
        values.append(float(variable))
        share = 1 - min(0.99, step / (step + 9))  # in the first step, all of it
        average += share * (values[-1] - average)
        assert float(built._model_variables_moving_average[0]) == pytest.approx(average, abs=1e-4)
    assert average != pytest.approx(values[-1], abs=1e-3)
    built.finalize_variable_values([variable])
    assert float(variable) == pytest.approx(average, abs=1e-4)
