"""The layers of a network: what they are made of, what comes out, and what they are called."""

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.network import describe


def test_the_articles_network_has_the_articles_weights() -> None:
    layers = describe(TrainingConfig(), (28, 28), 10)

    assert [layer.weights for layer in layers if layer.weights] == [401_920, 131_328, 2_570]
    assert sum(layer.weights for layer in layers) == 535_818
    assert [layer.output_shape for layer in layers] == [
        (784,),
        (512,),
        (512,),
        (256,),
        (256,),
        (10,),
    ]


def test_no_dropout_layer_where_there_is_no_dropout() -> None:
    layers = describe(TrainingConfig(dropout=0, widths=(8,)), (28, 28), 10)

    assert [layer.name for layer in layers] == ["flatten", "dense_1", "probabilities"]


def test_layers_are_told_in_words() -> None:
    config = TrainingConfig(
        architecture="convolutional", filters=(4,), kernel_size=5, block_dropout=0.1, widths=(8,)
    )
    assert [layer.words for layer in describe(config, (28, 28), 10)] == [
        "Reshape",
        "Convolution 5 × 5",
        "Max pooling 2 × 2",
        "Batch normalization",
        "Activation, relu",
        "Dropout 0.1",
        "Flatten",
        "Dense, relu",
        "Dropout 0.2",
        "Dense, softmax",
    ]


@pytest.mark.parametrize("convolutional", [False, True])
def test_every_layer_that_begins_by_chance_has_a_seed_of_its_own(convolutional: bool) -> None:
    blocks = {"architecture": "convolutional", "convolutions": 2, "block_dropout": 0.1}
    seeds = [
        layer.parameters["seed"]
        for seed in (0, 1, 2)
        for layer in describe(
            TrainingConfig(seed=seed, **(blocks if convolutional else {})), (28, 28), 10
        )
        if "seed" in layer.parameters
    ]
    assert len(seeds) == len(set(seeds)) == 3 * (9 if convolutional else 5)
