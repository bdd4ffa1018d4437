// The thread of a conversation: messages appear as they come, an operator may answer and pause the bot.
import { Live, composer, isAtEnd, mergeLines, post, replacePart, showProblem, showState, toEnd } from "./live.js";

const root = document.querySelector("[data-thread]");
const scroll = root.querySelector("[data-scroll]");
const list = root.querySelector(".cb-lines");
const form = root.querySelector("[data-composer]");
const botForm = root.querySelector("[data-bot]");

let shownVerdict = false;

const live = new Live({
    url: () => root.dataset.url,
    topic: () => root.dataset.topic,
    state: (word) => showState(root, word),
    apply: (fetched) => {
        const follows = isAtEnd(scroll);
        mergeLines(list, fetched.querySelector('[data-part="messages"]'));
        replacePart(root, fetched, "state");
        root.querySelector("[data-empty]").hidden = list.children.length > 0;
        showSwitches();
        if (follows) toEnd(scroll);
    },
});

function showSwitches() {
    const state = root.querySelector('[data-part="state"]').dataset;
    if (form) {
        const isClosed = state.canSend !== "1";
        form.elements.text.disabled = isClosed;
        form.elements.text.placeholder = isClosed ? "A free-form reply can’t go now" : "Write a reply";
        form.querySelector("button").disabled = isClosed;
        const verdict = root.querySelector('[data-part="state"] .cb-verdict')?.textContent ?? "";
        if (isClosed || shownVerdict) showProblem(root, isClosed ? verdict : "");
        shownVerdict = isClosed;
    }
    for (const button of botForm?.querySelectorAll("button") ?? []) button.hidden = button.dataset.whenPaused !== state.paused;
}

if (form) {
    composer(form, async (written) => {
        const answer = await post(form, { text: written });
        showProblem(root, answer.problem);
        await live.refresh();
        toEnd(scroll);
        return !answer.problem;
    });
}

botForm?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await post(botForm, { do: event.submitter.value });
    showProblem(root, answer.problem);
    live.refresh();
});

showSwitches();
toEnd(scroll);
if (root.dataset.live === "1") live.start();
