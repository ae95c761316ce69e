"""Addresses that people guess, and the pages that they mean."""

from mnist_core.data import known

BEGINNINGS = {
    "": ("train", "learn", "teach", "fit", "home", "start", "index", "main", "app", "dash"),
    "evaluate": ("eval", "test", "result", "confusion", "mistake", "report", "accurac"),
    "draw": ("draw", "paint", "sketch", "canvas", "predict", "recogn"),
    "runs": ("run", "compar", "leader", "histor", "model", "experiment", "network"),
    "data": ("data", "image", "picture", "download", "upload", "import", *known.SPECS),
}
"""Of what is asked for, by the page's own address, which is empty for the first one."""


def page_meant(name: str) -> str | None:
    """The address of the page that is meant by ``name``, e.g. ``"evaluate"`` by ``"Evaluation"``.

    None: nobody can say.
    """
    word = name.rstrip("/").rpartition("/")[2].lower()
    found = (page for page, beginnings in BEGINNINGS.items() if word.startswith(beginnings))
    return next(found, None)
