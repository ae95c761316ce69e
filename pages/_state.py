"""What a session remembers and what stands in the address: each key once, with its type.

Widgets that only the code beside them knows of keep their keys to themselves, as do those with a
key for each run or list. The fields of the form on Train are bound to the address, too, under the
names that ``mnist_core.link`` gives them; those of the form on Search, under their keys.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import streamlit as st
from streamlit.proto.WidgetStates_pb2 import WidgetState

from mnist_core import curves
from mnist_core.config import TrainingConfig
from mnist_core.lesson import Learned
from mnist_core.runs import trash
from mnist_core.runs.folder import Run

if TYPE_CHECKING:
    from mnist_core.search.study import Study

T = TypeVar("T")


@dataclass(frozen=True)
class Key(Generic[T]):
    """A value in the session; of a widget, where ``name`` is the widget's key."""

    name: str
    default: T

    def get(self) -> T:
        value: T = st.session_state.get(self.name, self.default)
        return value

    def set(self, value: T) -> None:
        st.session_state[self.name] = value

    def forget(self) -> None:
        st.session_state.pop(self.name, None)


@dataclass(frozen=True)
class Follower(Generic[T]):
    """A widget that shows what also changes without it, such as the preset that a form amounts to.

    It is made anew where it has to show something else than it was last seen at or moved to. To set
    the one that is there would undo what people do meanwhile: the browser takes what it hears, also
    where somebody has moved the widget since; and a click elsewhere that comes before it has heard
    tells the former value, which the server would take for a choice.
    """

    name: str

    @property
    def _seen(self) -> Key[tuple[T, int] | None]:
        """What it shows, and how many times it was made anew."""
        return Key(f"{self.name}_seen", None)

    def key(self, value: T) -> str:
        """The widget's key, where it has to show ``value``, which has to be its default, too."""
        shown, made = self._seen.get() or (value, 0)
        if shown != value:
            made += 1
        self._seen.set((value, made))
        return self._made(made)

    def take(self) -> T:
        """In the widget's callback: what has been chosen."""
        seen = self._seen.get()
        assert seen  # it has been drawn
        chosen: T = st.session_state[self._made(seen[1])]
        self._seen.set((chosen, seen[1]))
        return chosen

    def _made(self, number: int) -> str:
        return f"{self.name}_{number}"


# --- As long as the session ---

THROUGH_APP = Key("through_app", False)
"""Whether a page that Streamlit ran without ``app.py`` has begun again by way of it."""
TOLD: Key[dict[str, WidgetState]] = Key("told", {})
"""What the browser last told of all widgets, by their ids."""
OUTDATED: Key[set[str]] = Key("outdated", set())
"""The ids of widgets that call back and were not drawn since something was filled in or chosen."""
AWAITED: Key[list[Run | Study]] = Key("awaited", [])
"""What was begun or watched here and has not ended yet."""
LINK_PROBLEMS: Key[Sequence[str] | None] = Key("link_problems", None)
"""What was wrong with the address that the session began with, until it is dismissed; None before
it has been checked."""
LINK_VALUES: Key[dict[str, Any] | None] = Key("link_values", None)
"""What the form had when that was first said."""
FORM_LEFT: Key[TrainingConfig | None] = Key("form_left", None)
"""The form's settings when they last were without fault."""
PREVIEW_EPOCH = Key("preview_epoch", 0)
"""How many times the preview of the augmentation was drawn anew."""
IN_VIEW: Key[tuple[str, str]] = Key("in_view", ("", ""))
"""A place on the page, a CSS selector, that was just asked for and is to be scrolled to; and what
tells this wish from another one for the same place."""
SHUFFLED: Key[int | None] = Key("shuffled", None)
"""The seed of the predictions on Evaluate; None: the first ones are shown."""
SAMPLES_SHUFFLED: Key[int | None] = Key("samples_shuffled", None)
"""The same of the images on Data."""
IMPORTS = Key("imports", 0)
"""How many zip files of runs were taken in; each makes way for a new field."""
DRAWN: Key[list[list[list[float]]]] = Key("drawn", [])
"""The strokes on the canvas of Draw, ``[[[x, y], ...], ...]`` in 280ths of its side."""
MAP_IMAGE: Key[float | None] = Key("map_image", None)
"""The number of the test image that is looked at on the map of Evaluate."""
LESSON: Key[Learned | None] = Key("lesson", None)
"""The small network of Learn, as far as it has learned."""
LESSON_DROPPED = Key("lesson_dropped", 0)
"""Which units are dropped there: the seed."""
FILM_PLAYS = Key("film_plays", False)
"""Whether the film on Train goes on by itself."""
ASKED_ABOUT: Key[list[str]] = Key("asked_about", [])
"""The ids of the runs that the question stands whether to delete them."""
ASKED_ABOUT_DATA: Key[str | None] = Key("asked_about_data", None)
"""The dataset that the question stands whether to remove it."""
ASKED_ABOUT_STUDY: Key[str | None] = Key("asked_about_study", None)
"""The id of the study that the question stands whether to delete it."""
PICKED_TRIAL: Key[tuple[str, int]] = Key("picked_trial", ("", 0))
"""The study and the number of the trial that was picked in its table."""
IMPORTED_DATA: Key[str | None] = Key("imported_data", None)
"""The dataset just imported, until another one is looked at."""


def wait_for(what: Run | Study) -> None:
    """Have its end told in this session."""
    if what not in (awaited := AWAITED.get()):
        AWAITED.set([*awaited, what])


# --- Of widgets: as long as they are on the page ---

PICKED_RUN = Key("picked_run", "")
CANVAS: Key[dict[str, Any]] = Key("canvas", {})
"""What the canvas of Draw tells: its ``strokes``."""
PEN_WIDTH = Key("pen_width", 18)
"""In 280ths of the canvas's side; of what is seen on it."""
LESSON_IMAGE = Key("lesson_image", 0.0)
PRESET: Follower[str | None] = Follower("preset")
"""The preset that the form amounts to."""
MORE_EPOCHS = Key("more_epochs", 0.0)
PICKED_STUDY: Follower[str] = Follower("picked_study")
"""The menu of studies."""
MORE_TRIALS = Key("more_trials", 0.0)
CLASS_OF_SAMPLES: Key[str | None] = Key("class", None)
OWN_NAME = Key("own_name", "")
SMOOTHING = Key("smoothing", curves.SMOOTHING)
"""Of the curves."""
LOGARITHMIC = Key("logarithmic", False)
BEHIND: Key[str | None] = Key("behind", None)
"""The id of the run whose curves are drawn behind those of another."""


def rate_of(run: Run) -> Follower[float]:
    """The slider of a live run's learning rate, which other tabs change, too."""
    return Follower(f"rate_of_{run.id}")


# --- Of widgets that stand in the address, too: people's links have these names ---

ARCHITECTURE: Key[str | None] = Key("architecture", None)
TRUE_CLASS: Key[str | None] = Key("true_class", None)
PREDICTED_CLASS: Key[str | None] = Key("predicted_class", None)
TAKE_HOME = Key("take_home", False)
"""Whether the part with the downloads is open."""
ASK_ABOUT: Key[str | None] = Key("ask_about", None)
"""What the network on Draw is asked about: a drawing, a picture or a test image."""
TEST_IMAGE: Key[int | None] = Key("test_image", None)
LESSON_UNTIL: Key[str | None] = Key("until", None)
"""The last part that Learn shows."""
SEARCH_BASE: Key[str | None] = Key("search_base", None)
"""What a search starts from."""
RUNS_SEARCH = Key("runs_search", "")
RUNS_DATASETS: Key[list[str]] = Key("runs_datasets", [])
RUNS_STATES: Key[list[str]] = Key("runs_states", [])
RUNS_TAGS: Key[list[str]] = Key("runs_tags", [])
IMAGES: Key[str | None] = Key("images", None)
"""The dataset that Data shows."""


# --- Chosen runs: in the address, and in the session while pages change ---


@dataclass(frozen=True)
class Chosen:
    """The ids of runs that the reader has chosen."""

    parameter: str
    """Of the address."""
    most: int
    """How many the address holds; it holds none where more are chosen."""

    @property
    def _ids(self) -> Key[list[str]]:
        return Key(f"{self.parameter}_ids", [])

    @property
    def _just_chosen(self) -> Key[bool]:
        return Key(f"{self.parameter}_just_chosen", False)

    def choose(self, ids: Sequence[str]) -> None:
        """In a callback: these from now on."""
        # The page's own run may come with the URL from before the choice: where a fragment runs by
        # itself at that moment, Streamlit calls back in the fragment's run.
        self._just_chosen.set(True)
        self.keep(ids)

    def keep(self, ids: Sequence[str]) -> None:
        """These, of which each has been found."""
        self._ids.set([*ids])
        if 0 < len(ids) <= self.most:
            st.query_params.update(self.link(*ids))
        else:
            st.query_params.pop(self.parameter, None)

    def get(self) -> list[str]:
        """In a page's run: those just chosen, else those of the address, else those last kept."""
        asked = st.query_params.get(self.parameter)
        just_chosen = self._just_chosen.get()
        self._just_chosen.forget()
        if just_chosen or not asked:
            return self._ids.get()
        return asked.split(",") if self.most > 1 else [asked]

    def last(self) -> list[str]:
        """In a callback: those that the page shows."""
        return self._ids.get()

    def link(self, *ids: str) -> dict[str, str]:
        """The parameters of a link to a page that shows these."""
        return {self.parameter: ",".join(ids)}


RUN = Chosen("run", most=1)
"""The run that Train, Evaluate and Draw show."""
STUDY = Chosen("study", most=1)
"""The study that Search shows."""
COMPARED = Chosen("compare", most=8)
"""Those that Runs shows beside each other."""
BASELINE = Chosen("baseline", most=1)
"""The run that Runs tells the others' accuracies from; it stands in the address of every page."""


# --- What is left to be said in the page's next run ---

Place = Literal["training", "searching", "deleting", "importing", "removing"]
"""What was tried, which is where on its page the outcome is said."""


@dataclass(frozen=True)
class Notice:
    """What came of something; shown once."""

    show: Callable[..., Any]
    """``st.error`` or ``st.success``."""
    words: str
    icon: str
    title: str | None = None


def _notices(place: Place) -> Key[list[Notice]]:
    return Key(f"notices_of_{place}", [])


def leave_notice(place: Place, notice: Notice) -> None:
    """Have it said once the page runs again."""
    notices = _notices(place)
    notices.set([*notices.get(), notice])


def has_notices(place: Place) -> bool:
    """Whether something is left to be said there."""
    return bool(_notices(place).get())


def show_notices(place: Place) -> None:
    """Say what came of it, once."""
    notices = _notices(place)
    for notice in notices.get():
        notice.show(notice.words, title=notice.title, icon=notice.icon)
    notices.forget()


# --- Until the page is left ---

FORM_SHOWN = Key("form_shown", False)
"""Whether Train has its form; on return, that becomes what it was."""


def _purge(discarded: list[Run]) -> None:
    try:
        trash.purge(discarded)
    except OSError as error:  # it stays in the trash, which is emptied at the next start
        logging.getLogger(__name__).warning("%s", error)


@st.cache_resource(scope="session", show_spinner=False, on_release=_purge)
def discarded() -> list[Run]:
    """The runs that were deleted on Runs and may be brought back; gone when it is cleared."""
    return []


def leave_others(page: str) -> None:
    """Forget what the pages but this one remember until they are left."""
    if page != "Train":
        FORM_SHOWN.forget()
    if page != "Runs":
        discarded.clear()
