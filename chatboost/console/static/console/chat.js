// The simulated phone: what is typed or tapped enters the bot, answers appear as they are sent.
import { Live, composer, isAtEnd, mergeLines, post, replacePart, showProblem, showState, toEnd } from "./live.js";

// While an answer is due the phone looks often: the first message of a conversation has no topic to follow yet.
const WAITING_MS = 400;
// After this long without any sign of work the typing dots would be a lie.
const GIVE_UP_MS = 20000;

const root = document.querySelector("[data-chat]");
const scroll = root.querySelector("[data-scroll]");
const list = root.querySelector(".cb-lines[data-part]");
const pending = root.querySelector("[data-pending]");
const typing = root.querySelector("[data-typing]");
const form = root.querySelector("[data-composer]");
const resetForm = root.querySelector("[data-reset]");
let waitingSince = 0;
let resetting = Promise.resolve();

const state = () => root.querySelector('[data-part="state"]').dataset;

const live = new Live({
    url: () => root.dataset.url,
    topic: () => state().topic,
    state: (word) => showState(root, word),
    apply: (fetched) => {
        const follows = isAtEnd(scroll);
        mergeLines(list, fetched.querySelector('[data-part="messages"]'));
        replacePart(root, fetched, "notes");
        replacePart(root, fetched, "state");
        for (const line of [...pending.children]) {
            if (list.querySelector(`[data-external-id="${CSS.escape(line.dataset.externalId || "-")}"]`)) line.remove();
        }
        show();
        if (follows) toEnd(scroll);
    },
});

function show() {
    const isWorking = state().working === "1" || pending.children.length > 0;
    if (!isWorking) waitingSince = 0;
    const isSlow = waitingSince > 0 && Date.now() - waitingSince > GIVE_UP_MS;
    typing.hidden = !isWorking || isSlow;
    root.querySelector("[data-presence]").textContent = typing.hidden ? "online" : "typing…";
    root.querySelector("[data-empty]").hidden = list.children.length + pending.children.length > 0;
    if (isSlow) showProblem(root, "Nothing has answered for a while. Is a worker running? See Operations → Work.");
}

function addPending(text) {
    const line = document.createElement("li");
    line.className = "cb-line cb-in cb-pending";
    const bubble = document.createElement("div");
    bubble.className = "cb-bubble";
    const words = document.createElement("p");
    words.className = "cb-bubble-text";
    words.dir = "auto";
    words.textContent = text;
    bubble.append(words);
    line.append(bubble);
    pending.append(line);
    show();
    toEnd(scroll);
    return line;
}

async function say(text, replyId = "") {
    // What is said while everything is being forgotten would be forgotten too.
    await resetting;
    showProblem(root, "");
    const line = addPending(text);
    const answer = await post(form, { text, reply_id: replyId });
    if (answer.problem) {
        line.remove();
        showProblem(root, answer.problem);
        show();
        return false;
    }
    line.dataset.externalId = answer.external_id;
    waitingSince = Date.now();
    show();
    await live.refresh();
    return true;
}

composer(form, say);

list.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-reply-id]");
    if (choice) say(choice.dataset.replyTitle, choice.dataset.replyId);
});

async function reset() {
    const answer = await post(resetForm);
    showProblem(root, answer.problem);
    pending.replaceChildren();
    waitingSince = 0;
    await live.refresh();
    form.elements.text.focus();
}

resetForm.addEventListener("submit", (event) => {
    event.preventDefault();
    resetting = reset();
});

setInterval(() => { if (waitingSince || state().working === "1") live.refresh().then(show); }, WAITING_MS);

show();
toEnd(scroll);
live.start();
if (window.matchMedia("(pointer: fine)").matches) form.elements.text.focus();
