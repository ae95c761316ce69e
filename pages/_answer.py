"""What a network says of an image: large, with a bar for each class, and read out as it changes.

The bars lie below each other. Where there is less room, on a phone, those of short names, such as
digits, stand side by side, so that they are on the screen together with the canvas.
"""

import streamlit as st

from mnist_core.answer import Answer

HTML = """
<div class="answer">
  <div class="answer-said" role="status">
    <h2></h2>
    <div>
      <p class="answer-words"></p>
      <p class="answer-verdict"><span translate="no" aria-hidden="true"></span> <b></b></p>
    </div>
  </div>
  <p class="answer-since"></p>
  <div class="answer-bars"></div>
  <p class="answer-note">It has to choose one of these, whatever it is shown.</p>
</div>
"""

CSS = """
.answer { max-width: 32rem; }
.answer p { margin: 0; }
.answer h2 { margin: 0; padding: 0; font-size: 2.5rem; line-height: 1.1; overflow-wrap: anywhere; }
.answer h2:empty, .answer-since:empty, .answer-verdict:has(b:empty) { display: none; }
.answer:has(h2:empty) .answer-note { visibility: hidden; }
.answer-since, .answer-note { font-size: 0.875rem; padding-top: 0.25rem; }
.answer-right { color: var(--st-green-text-color); }
.answer-wrong { color: var(--st-red-text-color); }
.answer-verdict span { font: 1.25em/1 "Material Symbols Rounded"; vertical-align: middle; }
.answer-bars { display: grid; gap: 0.3rem; padding-top: 0.75rem; font-size: 0.875rem; }
.answer-bar { display: grid; grid-template-columns: 9rem 1fr 3.75rem; gap: 0.6rem; }
.answer-bar > :first-child {
    overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: right;
}
.answer-track { height: 1.25rem; background: var(--st-secondary-background-color); }
.answer-track span {
    display: block; width: calc(100% * var(--share)); height: 100%; transition: all 0.25s;
    background: color-mix(in srgb, var(--st-text-color) 55%, var(--st-background-color));
}
.answer-likeliest { font-weight: 600; }
.answer-likeliest .answer-track span { background: var(--st-primary-color); }

.answer-short .answer-said { min-height: 7rem; }
.answer-short h2 { font-size: 5rem; line-height: 1; }
.answer-short .answer-bar { grid-template-columns: 1.25rem 1fr 3.75rem; }

@media (min-width: 641px) and (min-height: 900px) {
    .answer-short .answer-said { min-height: 9.5rem; }
    .answer-short h2 { font-size: 7.5rem; }
    .answer-short .answer-track { height: 1.75rem; }
    .answer-short .answer-bar { align-items: center; }
}
@media (max-width: 640px) {
    .answer-short .answer-said { display: flex; gap: 1rem; align-items: center; min-height: 3rem; }
    .answer-short h2 { font-size: 3rem; white-space: nowrap; }
    .answer-short .answer-bars {
        grid-auto-flow: column; grid-auto-columns: 1fr; gap: 0.125rem; padding-top: 0.25rem;
    }
    .answer-short .answer-bar {
        grid-template: 1rem 4.5rem 1.25rem / 1fr; gap: 0.1rem; justify-items: center;
    }
    .answer-short .answer-bar > :first-child { order: 1; }
    .answer-short .answer-bar > :last-child { order: -1; font-size: 0.625rem; }
    .answer-short .answer-track { display: flex; align-items: end; width: 75%; height: 100%; }
    .answer-short .answer-track span { width: 100%; height: calc(100% * var(--share)); }
}
@media (prefers-reduced-motion) { .answer-track span { transition: none; } }
"""

JS = """
export default function ({ data, parentElement }) {
    const tell = (place, text) => {  // what stays is not read out again
        const element = parentElement.querySelector(place)
        if (element.textContent !== text) element.textContent = text
    }
    tell("h2", data.heading)
    tell(".answer-words", data.words)
    tell(".answer-since", data.since)
    const [isRight, judged] = data.verdict ?? [null, ""]
    tell(".answer-verdict span", isRight ? "check" : "close")
    tell(".answer-verdict b", judged)
    parentElement.querySelector(".answer-verdict").className =
        `answer-verdict answer-${isRight ? "right" : "wrong"}`

    const { bars } = data
    const isShort = bars.length && bars.every(([name]) => name.length <= 2)
    parentElement.querySelector(".answer").classList.toggle("answer-short", isShort)
    const chart = parentElement.querySelector(".answer-bars")
    while (chart.childElementCount > bars.length) chart.lastChild.remove()
    bars.forEach(([name, share, words, isLikeliest], i) => {
        if (i === chart.childElementCount) {
            const bar = document.createElement("div")
            bar.innerHTML = `<span></span><div class=answer-track><span></span></div><span></span>`
            chart.append(bar)
        }
        const bar = chart.children[i]
        bar.className = isLikeliest ? "answer-bar answer-likeliest" : "answer-bar"
        bar.style.setProperty("--share", share)
        bar.firstChild.textContent = name
        bar.lastChild.textContent = words
    })
    if (data.heading) {
        chart.role = "img"
        chart.ariaLabel = bars.map(([name, , words]) => `${name}: ${words}`).join(", ")
        chart.ariaHidden = null
    } else {
        chart.role = chart.ariaLabel = null
        chart.ariaHidden = true
    }
}
"""

_answer = st.components.v2.component("answer", html=HTML, css=CSS, js=JS, isolate_styles=False)


def show_answer(answer: Answer, verdict: tuple[bool, str] | None = None, since: str = "") -> None:
    """Show an answer, or change the one that is shown.

    Args:
        verdict: whether it is right, and what is said of that, where it is known.
        since: when the network was as it is asked here, where that needs saying.
    """
    data = {"heading": answer.heading, "words": answer.words, "bars": [*map(list, answer.bars)]}
    _answer(key="answer", data={**data, "verdict": verdict, "since": since})
