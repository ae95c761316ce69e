"""The stock optimizers of Keras, with each variable's update in one fused kernel.

Keras composes an update of element-wise operations, each of which passes over all weights; on a
CPU that is memory traffic, and takes as long as the matrix products of a small network. TensorFlow
has the same arithmetic in one kernel, which passes over them once.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from mnist_core.config import TrainingConfig


class ShrinkingWeights(keras.optimizers.Optimizer):  # type: ignore[misc]  # Keras has no types
    """Weight decay as Keras has it, in one pass; biases and normalizations are left alone."""

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        share = tf.cast(self.learning_rate, tf.float32) * self.weight_decay
        for variable in variables:
            if variable.name not in ("bias", "gamma", "beta"):
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=variable.value.handle, alpha=share, delta=variable.value
                )


class AveragingWeights(keras.optimizers.Optimizer):  # type: ignore[misc]
    """Averages of the weights as Keras has them, variables of the optimizer, in one pass."""

    def _update_model_variables_moving_average(self, variables: list[keras.Variable]) -> None:
        # The first averages are of few steps, lest the untrained weights stay in them for long.
        before = tf.cast(self.iterations.value, tf.float32)  # 0 in the first step
        share = 1 - tf.minimum(self.ema_momentum, before / (before + 9))
        averages = self._model_variables_moving_average
        for variable, average in zip(variables, averages, strict=True):
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.value.handle, alpha=share, delta=average.value - variable.value
            )


class Adam(keras.optimizers.Adam):  # type: ignore[misc]
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
    """``keras.optimizers.SGD`` with momentum, fused.

    Nesterov's, where asked for, is in the form of Sutskever, Martens, Dahl and Hinton 2013
    (https://proceedings.mlr.press/v28/sutskever13.html), which needs no second gradient.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )


class RMSprop(keras.optimizers.RMSprop):  # type: ignore[misc]
    """``keras.optimizers.RMSprop`` without momentum, fused."""

    def build(self, variables: list[keras.Variable]) -> None:
        if not self.built:
            # The kernel wants a place for a momentum; Keras shall neither count nor save it.
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


class Cosine(OneCycle):
    """From zero to ``peak`` in the first twentieth of ``steps``, then to zero along a cosine.

    After Loshchilov and Hutter 2016 (https://arxiv.org/abs/1608.03983), without restarts.
    """

    def __call__(self, step: Any) -> tf.Tensor:
        done = (tf.cast(step, tf.float32) + 1) / (self.steps + 1)
        falling = (tf.cos(math.pi * tf.maximum(0.0, done - 0.05) / 0.95) + 1) / 2
        return self.peak * tf.minimum(done / 0.05, falling)


OPTIMIZERS = {"adam": Adam, "sgd": SGD, "rmsprop": RMSprop}
SCHEDULES = {"one-cycle": OneCycle, "cosine": Cosine}


def build_optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer that ``config`` asks for; a schedule spans ``steps``, those of all epochs."""
    kind: Any = OPTIMIZERS[config.optimizer]
    settings: dict[str, Any] = {"name": config.optimizer, "learning_rate": config.learning_rate}
    if config.schedule != "constant":
        settings["learning_rate"] = SCHEDULES[config.schedule](config.learning_rate, steps)
    if config.optimizer == "sgd":
        settings |= {"momentum": 0.9, "nesterov": config.nesterov}
    if config.weight_decay:
        kind = type(kind.__name__, (ShrinkingWeights, kind), {})
        settings["weight_decay"] = config.weight_decay
    if config.ema:
        kind = type(kind.__name__, (AveragingWeights, kind), {})
        settings |= {"use_ema": True, "ema_momentum": config.ema}
    return kind(**settings)


def peak(optimizer: keras.optimizers.Optimizer) -> tf.Variable | keras.Variable:
    """The learning rate, or its peak where a schedule varies it; it can be assigned to."""
    return getattr(optimizer._learning_rate, "peak", optimizer._learning_rate)
