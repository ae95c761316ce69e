"""What people see of Streamlit and plotly, mended in the browser: its style, and a script."""

from collections.abc import Sequence

import streamlit as st

STYLE = """
<style>
/* Its Stop ends the drawing of a page, and would stand above ours, which ends a training. */
[data-testid="stStatusWidget"] { display: none; }
/* In its place, a line at the top, once an answer is longer on its way than a moment. */
:is([data-test-script-state=running], [data-test-script-state=rerunRequested])::before {
    content: ""; position: fixed; z-index: 999999; top: 0; left: 0; width: 100%; height: 3px;
    transform: scaleX(0); transform-origin: left; background: light-dark(#0f766e, #5eead4);
    animation: answering 12s cubic-bezier(0, 0.6, 0.4, 1) 0.7s forwards;
}
@keyframes answering { to { transform: scaleX(0.95); } }
/* So that six presets stand in one row where the window has 1280 pixels. */
[data-testid="stButtonGroup"] button { padding-inline: 14px; }
/* Not one word of a heading alone in a line. */
[data-testid="stHeading"] :is(h1, h2, h3) { text-wrap: balance; }
/* What is in the page for its script alone leaves no gap, and is not seen while that is loaded. */
[class*="st-key-unseen_"] { position: absolute; visibility: hidden; }
/* Words beside two signs: for the navigation on a narrow screen, and for the theme. */
[data-testid="stExpandSidebarButton"]::after { content: "Menu"; }
[data-testid="stMainMenuButton"]::after { content: "Theme"; margin-left: 0.25rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0.25rem; }
/* Streamlit's grey on white, and its links in it, have too little contrast. */
[data-testid="stCaptionContainer"] {
    opacity: 1; color: color-mix(in srgb, currentColor 78%, transparent);
}
.js-plotly-plot :is(.xtick, .ytick, .xtitle, .ytitle, .legendtext, .annotation-text, .bartext),
.js-plotly-plot :is(.xtick, .ytick, .legend, .annotation) text { fill: currentColor !important; }
/* White has contrast on the primary colour of the dark theme, and so that has none as text. */
[data-testid="stMain"] button[data-selected][aria-checked],
[data-testid="stMain"] [data-testid="stSliderThumbValue"] { color: light-dark(#0f766e, #5eead4); }
[data-testid="stPaginationEllipsis"] { color: inherit; }
/* A table that is wider than its place would scroll, but not by keyboard. */
[data-testid="stTable"] td * { overflow-wrap: anywhere !important; }
/* Links to what is next: buttons, of which the first weighs most. */
[class*="st-key-step_"] a {
    min-height: 2.5rem; padding: 0.25rem 0.75rem; border-radius: 8px; color: inherit;
    border: 1px solid color-mix(in srgb, currentColor 30%, transparent);
}
[class*="st-key-step_first_"] a, [class*="st-key-step_first_"] a * { color: white; }
[class*="st-key-step_first_"] a { background: #0f766e; border-color: #0f766e; }
[class*="st-key-step_first_"] a:is(:hover, :focus-visible) { background: #0c615a; }
[class*="st-key-step_"] a:focus-visible { box-shadow: 0 0 0 0.2rem rgb(15 118 110 / 50%); }
/* The menu of a narrow screen: what lies beside it is dark, and closes it. */
[data-testid="stSidebar"][data-collapsed="false"]::after {
    content: ""; position: absolute; top: 0; left: 100%; width: 100vw; height: 100vh;
    background: rgb(0 0 0 / 45%);
}
/* plotly draws these axes in black. */
.js-plotly-plot .parcoords .axis :is(.domain, .tick line) { stroke: currentColor !important; }
/* Images that are scrolled to come below the band at the top, and leave the matrix beside them in
sight, whose cell was clicked. */
.st-key-behind_the_cell { scroll-margin-top: 5rem; }
@media (min-width: 641px) { .st-key-behind_the_cell { scroll-margin-top: 30vh; } }
/* What stands beside a page's title begins where that does, not under the band. */
.st-key-beside_title { padding-top: 0.75rem; }
/* What a search looks between: a long label has lines, and its fields stay beside it. */
[class*="st-key-in_one_row_"] { flex-wrap: nowrap !important; }
[class*="st-key-in_one_row_"] > :first-child { min-width: 0 !important; }
/* A finger needs 44 pixels. */
@media (pointer: coarse) {
    [data-testid="stSidebarNavLink"], [data-testid="stMain"] :is(
        [class*="st-key-step_"] a, summary, button:is([role="radio"], [data-testid^="stPagination"],
            [data-testid^="stBaseButton-"]:not([data-testid$="Toolbar"]))
    ) { min-height: 44px; }
}
</style>
"""

SCRIPT = """
export default function ({ data: { paths }, setTriggerValue }) {
    const places = paths.map(path => location.pathname.replace(/[^/]*$/, path))
    const opened = new URL(performance.getEntriesByType("navigation")[0].name).pathname
    document.tellTheme = () => setTriggerValue("theme", true)
    if (!document.mended) {
        document.mended = true
        const app = document.querySelector("[data-testid=stApp]")
        const ground = () => getComputedStyle(app).backgroundColor
        let before = ground()
        new MutationObserver(() => {
            if (before === ground()) return
            before = ground()
            document.tellTheme()
        }).observe(app, { attributes: true, attributeFilter: ["class"] })
        document.addEventListener("touchstart", event => {
            if (event.target.closest(".js-plotly-plot")) event.stopPropagation()
        }, { capture: true, passive: true })
        addEventListener("wheel", event => {
            if (!event.target.closest("input[type=number]")) return
            event.target.blur()
            event.stopPropagation()
        }, { capture: true, passive: true })
        addEventListener("beforeinput", event => {
            const { target: field, data } = event
            if (!field.matches("input[type=number]") || !data?.includes(",")) return
            event.preventDefault()
            field.hadComma = !data.includes(".") && data.split(",").length === 2
            const number = field.hadComma ? data.replace(",", ".") : data.replaceAll(",", "")
            document.execCommand("insertText", false, number.trim())
        }, true)
        const setValue = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set
        addEventListener("input", ({ target: field }) => {
            if (!field.hadComma || field.step !== "1") return
            const thousands = field.value.match(/^(-?[1-9]\\d*)[.](\\d{3})$/)
            if (!thousands) return
            field.hadComma = false
            setValue.call(field, thousands[1] + thousands[2])
        }, true)
        let untouched = true, leaving = false
        const touch = () => [untouched, leaving] = [false, false]
        for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, touch, true)
        addEventListener("popstate", () => untouched = true)
        addEventListener("click", ({ target }) => {
            const link = target.closest("a[href]")
            leaving = link !== null && link.pathname !== location.pathname
        }, true)
        const push = history.pushState
        history.pushState = function (state, unused, address) {
            const opened = new URL(address, location).pathname !== location.pathname
            if (leaving && !opened) return
            const step = opened || !untouched ? push : history.replaceState
            if (opened) {
                [untouched, leaving] = [true, false]
                document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0)
            }
            return step.call(this, state, unused, address)
        }
        addEventListener("click", ({ target }) => {
            const menu = target.closest("[data-testid=stSidebar]")
            if (menu && (target === menu || target.closest("a"))) {
                menu.querySelector("[data-testid=stSidebarCollapseButton] button").click()
            }
        })
    }
    const kept = place => `stActiveTheme-${place}-v2`
    const theme = localStorage.getItem(kept(opened))
    if (theme) for (const place of places) localStorage.setItem(kept(place), theme)
}
"""
_script = st.components.v2.component("mended", js=SCRIPT, isolate_styles=False)


def mend(paths: Sequence[str]) -> None:
    """Mend what people see of Streamlit and plotly, on every page.

    Style: see there. Fingers: plotly takes every touch of a chart for the begin of a drag, so that
    no swipe over one scrolls. It is not told of touches, and the browser goes on: it scrolls, and
    makes a click of a tap, as it does everywhere. The wheel: over a field for a number, Streamlit
    lets it do nothing; it scrolls there, too. A comma: browsers drop it there, and make 1 of 0,001.
    It stands for a point, but for thousands where three digits follow it in a field for whole
    numbers, or where there are several; what is no whole number is refused as any. Back: what a
    page adds to its address, while nobody has touched it, is no step of its own, nor is what
    Streamlit takes out of it on the way to another page, which begins at its top, however far down
    the former one was. The menu of a narrow screen: Streamlit
    leaves it open over the page that was chosen, and hands on a tap beside it to what lies there.
    The theme: Streamlit keeps what was chosen for the one address that the tab was opened at; here
    it is kept for all pages. And the page runs again, for those charts that :func:`in_theme` names.

    Args:
        paths: of the pages, below the app's own address.
    """
    st.html(STYLE)
    _script(key="unseen_script", data={"paths": paths}, on_theme_change=lambda: None)


def in_theme(key: str) -> str:
    """The key of one of Streamlit's charts that has shades of the theme's: another in each theme.

    It would keep those of the theme that it was first drawn in.
    """
    return f"{key}_{st.context.theme.type}"
