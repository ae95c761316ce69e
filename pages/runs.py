"""Every run: find it, name it, compare it, delete it, and see which are the best."""

import zlib
from collections.abc import Callable, Sequence

import streamlit as st

from mnist_core.data.known import SPECS, title
from mnist_core.runs import trash
from mnist_core.runs.catalog import (
    DAMAGED,
    NEWER,
    Damaged,
    Entry,
    Summary,
    mentions,
)
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.leaderboard import leaderboards
from mnist_core.runs.seeds import groups
from mnist_core.words import counted, reason
from pages import (
    _cached,
    _changes,
    _comparison,
    _export,
    _in_view,
    _leaderboard,
    _names,
    _page,
    _run_table,
    _state,
)
from pages._state import BASELINE, COMPARED, Key, Notice


def is_live(entry: Entry) -> bool:
    return isinstance(entry, Summary) and entry.state.live


# --- The chosen runs ---


def chosen(entries: list[Entry]) -> list[Entry]:
    """Those just chosen, else those that the URL names, else those chosen last."""
    ids = COMPARED.get()
    known = {entry.run.id: entry for entry in entries}
    unknown = [run_id for run_id in ids if run_id not in known]
    if unknown:
        st.warning(
            f"There is no run {_page.plain(', '.join(unknown))} here: it was "
            "deleted, or the address has a typo.",
            icon=":material/search_off:",
        )
    found = [known[run_id] for run_id in dict.fromkeys(ids) if run_id in known]
    COMPARED.keep([entry.run.id for entry in found])
    return found


# --- What is live, and a look whether anything has changed ---


def training_now(entries: list[Entry]) -> None:
    """The live runs, redrawn in place; redraws the page once something else on it has changed."""
    shown = [_changes.steady(entry) for entry in entries]
    view = _changes.entries("all", lambda: _cached.catalog().list())
    drawn: Sequence[Entry] | None = None

    def part() -> Sequence[Entry]:
        nonlocal drawn
        # What others have looked at might be older than the page itself.
        drawn = now = entries if drawn is None else view.get()
        if [_changes.steady(entry) for entry in now] != shown:
            st.rerun()
        live = [entry for entry in now if isinstance(entry, Summary) and entry.state.live]
        if live:
            st.header("Training now")
        for summary in live:
            if summary.state != State.QUEUED:
                with st.container(horizontal=True, vertical_alignment="bottom"):
                    done = summary.progress
                    where = f" · on {summary.elsewhere}" if summary.elsewhere else ""
                    st.progress(
                        done.share,
                        text=f"{_page.plain(_names.label(summary))} · epoch {done.epoch} of "
                        f"{done.asked}{where}",
                    )
                    st.page_link(
                        "pages/train.py",
                        label="Watch it",
                        icon=":material/show_chart:",
                        query_params=_state.RUN.link(summary.run.id),
                    )
        queued = sum(summary.state == State.QUEUED for summary in live)
        if queued:
            st.caption(
                f"{counted(queued, 'run')} waiting {'its' if queued == 1 else 'their'} turn."
            )
        return now

    _changes.redraw_on_change(part, _changes.LOOK_SECONDS, lambda shown: view.peek() is not shown)


# --- The table ---

FILTERS = (_state.RUNS_DATASETS, _state.RUNS_STATES, _state.RUNS_TAGS)  # they leave runs out


def filtered(entries: list[Entry]) -> list[Entry]:
    """Those that the reader wants to see."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search",
            type="search",
            live=True,
            key=_state.RUNS_SEARCH.name,
            bind="query-params",
            placeholder="Name, tag, note, network, id",
        )
        filters = [menu for menu in FILTERS if menu.get()]
        with st.popover(
            f"Filter · {len(filters)}" if filters else "Filter",
            icon=":material/filter_list:",
            key="runs_filter",
        ):
            datasets = menu("Dataset", _state.RUNS_DATASETS, all_datasets(entries), title)
            states = menu("State", _state.RUNS_STATES, [*map(str, State), DAMAGED, NEWER])
            tags = menu("Tag", _state.RUNS_TAGS, all_tags(entries))
    return [
        entry
        for entry in entries
        if mentions(entry, words)
        and (not states or entry.state in states)
        and (not datasets or (isinstance(entry, Summary) and entry.config.dataset in datasets))
        and (not tags or (isinstance(entry, Summary) and set(tags) & set(entry.labels.tags)))
    ]


def menu(
    label: str, key: Key[list[str]], options: list[str], name: Callable[[str], str] = str
) -> list[str]:
    return st.multiselect(
        label, options, format_func=name, key=key.name, bind="query-params", placeholder="All"
    )


def all_datasets(entries: list[Entry]) -> list[str]:
    """Those that the program knows, then people's own, of which some may be gone."""
    used = {entry.config.dataset for entry in entries if isinstance(entry, Summary)}
    return [*SPECS, *sorted(used - set(SPECS))]


def all_tags(entries: list[Entry]) -> list[str]:
    return sorted({tag for e in entries if isinstance(e, Summary) for tag in e.labels.tags})


def baseline(entries: list[Entry]) -> Summary | None:
    """The run that the others are told from, if one was chosen, and words on it."""
    chosen = next(iter(BASELINE.get()), None)
    if not chosen:
        return None
    if chosen in {run.id for run in _state.discarded()}:
        st.caption(":material/flag: The baseline is among the runs that were just deleted.")
        return None  # it is one again, should they come back
    found = next((entry for entry in entries if entry.run.id == chosen), None)
    if not (isinstance(found, Summary) and found.evaluated):
        st.warning(
            f"The run {_page.plain(chosen)} can't be the baseline: it is not here, or has not been "
            "tested.",
            icon=":material/search_off:",
        )
        BASELINE.keep([])
        return None
    BASELINE.keep([chosen])
    name, accuracy = _page.plain(_names.run_name(found)), found.evaluated.test_accuracy
    words = f"Baseline: **{name}**, seed {found.config.seed}, {accuracy:.2%}"
    st.markdown(f":material/flag: {words}", width="content")
    st.button(
        "Remove the baseline",
        type="tertiary",
        icon=":material/clear:",
        on_click=BASELINE.choose,
        args=([],),
    )
    return found


def table(entries: list[Entry], picked: list[Entry], beside: _run_table.Beside) -> None:
    """The runs, to be chosen by their rows."""
    ids = [entry.run.id for entry in entries]
    rows = sorted(ids.index(entry.run.id) for entry in picked if entry.run.id in ids)
    # A table of its own for each list of runs: a click that the browser sent while it still showed
    # another list names rows of that one.
    key = f"runs_table_{zlib.crc32(' '.join(ids).encode())}"
    if st.session_state.get(key, {}).get("selection", {}).get("rows", []) != rows:
        st.session_state[key] = {"selection": {"rows": rows}}
    st.dataframe(
        _run_table.data(entries, beside),
        key=key,
        on_select=lambda: take_rows(key, ids),
        selection_mode="multi-row",
        column_config=_run_table.COLUMNS,
        column_order=_run_table.shown(_run_table.FIRST, entries, beside),
        hide_index=True,
        placeholder="",
        height=min(420, 38 + 35 * len(entries)),
        alt="Every run with its settings and figures, the newest first",
    )


def take_rows(table_key: str, ids: list[str]) -> None:
    """The reader has chosen among the runs shown; what is chosen of the others stays so."""
    rows = st.session_state[table_key].selection.rows
    others = [run_id for run_id in COMPARED.last() if run_id not in ids]
    COMPARED.choose([*others, *(ids[row] for row in rows)])


# --- What can be done with the chosen runs ---

COMPARISON = f"#{_comparison.ANCHOR}"


def actions(entries: list[Entry], picked: list[Entry], baseline: Summary | None) -> None:
    if not picked:
        st.caption(
            "Tick the box at the left of a run, or press Shift and Space in its row, to name it or "
            "look at it; two to eight can be compared. A click on a column's name sorts."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{counted(len(picked), 'run')} chosen**", width="content")
        if 2 <= len(readable(picked)) <= COMPARED.most:
            st.button(
                "See them side by side",
                icon=":material/compare:",
                on_click=_in_view.ask,
                args=(COMPARISON,),  # which is below, mostly out of sight
            )
        st.button("Clear selection", icon=":material/clear:", on_click=COMPARED.choose, args=([],))
        st.button("Delete", icon=":material/delete:", on_click=ask, args=(picked,))
        if len(picked) == 1:
            if isinstance(picked[0], Summary) and picked[0].evaluated:
                st.button(
                    "Take as baseline",
                    icon=":material/flag:",
                    on_click=BASELINE.choose,
                    args=([picked[0].run.id],),
                    disabled=baseline is not None and baseline.run == picked[0].run,
                    help="The table then tells by how much the others are above it, or below.",
                )
            links(picked[0])
    with st.container():
        if _state.ASKED_ABOUT.get() == [entry.run.id for entry in picked]:
            question(picked)
        for entry in picked:
            if isinstance(entry, Damaged):
                st.error(
                    _page.plain(entry.reason),
                    title=f"{_page.plain(_names.run_name(entry))} can't be read",
                    icon=":material/broken_image:",
                )
    if len(picked) == 1 and isinstance(picked[0], Summary):
        labels_form(picked[0], all_tags(entries))


def readable(picked: Sequence[Entry]) -> list[Summary]:
    """Those that can be compared."""
    return [entry for entry in picked if isinstance(entry, Summary)]


def links(entry: Entry) -> None:
    """To the pages that show this run."""
    if not isinstance(entry, Summary):
        return
    pages = [("pages/train.py", "See how it learned", ":material/show_chart:")]
    if entry.evaluated:
        pages += [
            ("pages/evaluate.py", "Evaluate it", ":material/fact_check:"),
            ("pages/draw.py", _names.draw_label(entry.run), ":material/draw:"),
        ]
    for page, label, icon in pages:
        _page.step(page, label, icon, _state.RUN.link(entry.run.id), first=False)
    if not entry.state.live:
        link = _state.RUN.link(entry.run.id) | {_state.TAKE_HOME.name: "true"}
        _page.step("pages/evaluate.py", "Take it home", ":material/download:", link, first=False)


def labels_form(summary: Summary, known_tags: list[str]) -> None:
    """Name, tags and note of one run."""
    labels = summary.labels
    with st.form(f"labels_of_{summary.run.id}"):
        left, middle, right = st.columns(3)
        name = left.text_input("Name", labels.name, max_chars=60)
        tags = middle.multiselect(
            "Tags",
            known_tags,
            labels.tags,
            accept_new_options=True,
            max_selections=10,
            placeholder="Type a tag and press Enter",
        )
        note = right.text_area("Note", labels.note, max_chars=2000, height=68)
        if st.form_submit_button("Save", icon=":material/save:"):
            try:
                summary.run.set_labels(Labels(name=name, tags=tuple(tags), note=note))
            except (ValueError, OSError) as error:
                st.error(_page.plain(str(error)), icon=":material/error:")
            else:
                st.toast("Saved", icon=":material/check:")
                st.rerun()


# --- Deleting: asked twice, and undone until the page is left ---

QUESTION, DELETED = ".st-key-question", ".st-key-deleted"


def ask(picked: list[Entry]) -> None:
    _state.ASKED_ABOUT.set([entry.run.id for entry in picked])
    if picked:
        _in_view.ask(QUESTION)


def question(picked: list[Entry]) -> None:
    live = [entry for entry in picked if is_live(entry)]
    over = [entry for entry in picked if not is_live(entry)]
    with st.container(border=True, key="question"):
        if live:
            st.warning(
                f"{names(live)}: stop it on the page Train first.",
                title="A run that is still training can't be deleted",
                icon=":material/model_training:",
            )
        if over:
            st.markdown(
                f"Delete {counted(len(over), 'run')}, with all files: {names(over)}? You can undo "
                "this until you leave the page or load it again."
            )
        with st.container(horizontal=True):
            if over:
                st.button(
                    f"Yes, delete {counted(len(over), 'run')}",
                    type="primary",
                    icon=":material/delete:",
                    on_click=delete,
                    args=([entry.run for entry in over],),
                )
            st.button("Keep" if over else "Close", on_click=ask, args=([],))
    _in_view.show(QUESTION)


def names(entries: list[Entry], most: int = 10) -> str:
    told = _names.run_names(_cached.catalog().list())
    first = ", ".join(f"**{_page.plain(told[entry.run.id])}**" for entry in entries[:most])
    return first if len(entries) <= most else f"{first} and {len(entries) - most:,} more"


def delete(runs: list[Run]) -> None:
    ask([])
    for run in runs:
        try:
            _state.discarded().append(trash.discard(run))
        except (RunError, OSError) as error:
            refuse(error)
    _in_view.ask(DELETED)
    gone = {run.id for run in _state.discarded()}
    COMPARED.choose([run_id for run_id in COMPARED.last() if run_id not in gone])


def undo() -> None:
    for run in _state.discarded():
        try:
            trash.restore(run)
        except (RunError, OSError) as error:
            refuse(error)
    _state.discarded().clear()


def refuse(error: RunError | OSError) -> None:
    words = _page.plain(reason(error))
    _state.leave_notice("deleting", Notice(st.error, words, ":material/error:"))


def outcome() -> None:
    """What came of deleting."""
    _state.show_notices("deleting")
    discarded = _state.discarded()
    if discarded:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="deleted"):
            st.markdown(
                f":material/delete: {counted(len(discarded), 'run')} deleted, for good once you "
                "leave this page or load it again.",
                width="content",
            )
            st.button("Undo", icon=":material/undo:", on_click=undo)
        _in_view.show(DELETED)


# --- The page ---

_page.begin("Runs")
entries = _cached.catalog().list()
seeds = groups(entries)
with st.container():
    outcome()
    picked = chosen(entries)
    if not entries:
        st.info("No network has been trained here yet.", icon=":material/model_training:")
        with st.container(horizontal=True):
            _page.step("pages/train.py", "Train one", ":material/model_training:")
            _page.step(
                "pages/draw.py",
                "Draw for the one that comes with Digit Lab",
                ":material/draw:",
                first=False,
            )
training_now(entries)
with st.container():
    if entries:
        found = filtered(entries)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{len(found):,} of {counted(len(entries), 'run')}", width="content")
            beside = _run_table.Beside(seeds, baseline(entries))
        if found:
            table(found, picked, beside)
        else:
            st.info("No run has all of that.", icon=":material/search_off:")
        if found or picked:
            actions(entries, picked, beside.baseline)
_export.uploader()
if entries:
    if 2 <= len(readable(picked)) <= COMPARED.most:
        _comparison.show(readable(picked), beside)
        _in_view.show(COMPARISON)
    elif len(readable(picked)) > COMPARED.most:
        st.info(f"At most {COMPARED.most} runs can be compared.", icon=":material/compare:")
    boards = leaderboards(entries, seeds)
    if boards:
        st.header("Leaderboard")
        st.caption(
            "Only runs on the same number of images are ranked together. "
            + (
                "Runs that differ by their seed alone have one place, by the mean of their "
                "accuracies; ± is the standard deviation from seed to seed. "
                if seeds
                else ""
            )
            + "Times are those of the "
            "machine that each run was trained on; that of a continued run counts from its very "
            "beginning. The bar of an accuracy is its 95% interval: where two overlap, the "
            "difference may be chance; the comparison of two runs, image by image, tells more. The "
            "pictures are what each was surest about, and wrong."
        )
    for board in boards:
        _leaderboard.show(board)
