"""The stock optimizers of Keras, with each variable's update in one fused kernel.

Keras composes an update of element-wise operations, each of which passes over all weights; on a
CPU that is memory traffic, and takes as long as the matrix products of a small network. TensorFlow
has the same arithmetic in one kernel, which passes over them once.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from mnist_core.config import TrainingConfig


class Adam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """``keras.optimizers.Adam``, fused (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980)."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class SGD(keras.optimizers.SGD):  # type: ignore[misc]
    """``keras.optimizers.SGD`` with momentum, fused."""

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=gradient,
            momentum=self.momentum,
        )


class RMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]
    """``keras.optimizers.RMSprop`` without momentum, fused."""

    def build(self, variables: list[keras.Variable]) -> None:
        if not self.built:
            # The kernel wants a place for the momentum, though it is not used; no state of ours,
            # so that Keras neither counts nor saves it.
            self._no_momentums = [tf.Variable(tf.zeros(v.shape)) for v in variables]
        super().build(variables)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable.handle,
            ms=self._velocities[index].value.handle,
            mom=self._no_momentums[index].handle,
            lr=tf.cast(learning_rate, variable.dtype),
            rho=self.rho,
            momentum=0.0,
            epsilon=self.epsilon,
            grad=gradient,
        )


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """From zero to ``peak`` during the first fifth of ``steps``, then to zero, both linearly.

    After Smith and Topin 2017 (https://arxiv.org/abs/1708.07120), without the cycle of momentum.
    """

    def __init__(self, peak: float, steps: int) -> None:
        self.peak = tf.Variable(peak, dtype=tf.float32)  # so that it can change while it trains
        self.steps = steps

    def __call__(self, step: Any) -> tf.Tensor:
        # The first step has done 1 of all, not 0, lest its rate be zero.
        done = (tf.cast(step, tf.float32) + 1) / (self.steps + 1)
        return self.peak * tf.minimum(done / 0.2, (1 - done) / 0.8)

    def get_config(self) -> dict[str, Any]:
        return {"peak": float(self.peak), "steps": self.steps}


def build(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer that ``config`` asks for.

    Args:
        steps: of the whole training, all epochs.
    """
    rate: float | OneCycle = config.learning_rate
    if config.schedule == "one-cycle":
        rate = OneCycle(config.learning_rate, steps)
    match config.optimizer:
        case "adam":
            return Adam(rate, name="adam")
        case "sgd":
            return SGD(rate, momentum=0.9, name="sgd")
        case "rmsprop":
            return RMSprop(rate, name="rmsprop")


def learning_rate(ours: keras.optimizers.Optimizer) -> float:
    """The learning rate; the peak, where a schedule varies it."""
    schedule = ours._learning_rate
    return float(schedule.peak if isinstance(schedule, OneCycle) else schedule)


def set_learning_rate(ours: keras.optimizers.Optimizer, rate: float) -> None:
    """Let the next steps have this learning rate; the peak, where a schedule varies it."""
    schedule = ours._learning_rate
    (schedule.peak if isinstance(schedule, OneCycle) else schedule).assign(rate)
