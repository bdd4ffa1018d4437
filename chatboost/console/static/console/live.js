// Keeps a page fresh: the page's socket says that something changed, and the page fetches its parts again.
// While the socket is down the page asks every few seconds instead, so nothing is lost, only later.
import { connection } from "./socket.js";

const POLL_MS = 5000;

export class Live {
    // `url()` returns where the parts are, `topic()` what to follow ("" for nothing yet),
    // `apply(document)` shows them, `state(word)` tells whether the page is "live" or "polling".
    constructor({ url, topic, apply, state }) {
        Object.assign(this, { url, topic, apply, state });
        this.etag = "";
        this.followed = "";
        this.isFetching = false;
        this.isStale = false;
    }

    start() {
        connection.addEventListener("ready", () => this.enter());
        connection.addEventListener("down", () => this.state("polling"));
        connection.addEventListener("changed", ({ detail }) => { if (detail.topic === this.followed) this.refresh(); });
        connection.start();
        this.follow();
        if (connection.isReady) this.enter();
        setInterval(() => { if (!connection.isReady) this.refresh(); }, POLL_MS);
        document.addEventListener("visibilitychange", () => { if (!document.hidden) this.refresh(); });
    }

    enter() {
        this.state("live");
        // Whatever changed while nobody listened.
        this.refresh();
    }

    follow() {
        const topic = this.topic();
        if (topic === this.followed) return;
        if (this.followed) connection.unfollow(this.followed);
        if (topic) connection.follow(topic);
        this.followed = topic;
    }

    // Fetches the parts; a call during a fetch leads to one more fetch, never to two at once.
    async refresh() {
        if (this.isFetching) {
            this.isStale = true;
            return;
        }
        this.isFetching = true;
        try {
            do {
                this.isStale = false;
                await this.fetchOnce();
            } while (this.isStale);
        } catch {
            this.state("polling");
        } finally {
            this.isFetching = false;
        }
    }

    async fetchOnce() {
        const headers = this.etag ? { "If-None-Match": this.etag } : {};
        const response = await fetch(this.url(), { headers, credentials: "same-origin", redirect: "manual" });
        if (response.type === "opaqueredirect" || response.status === 403) {
            // Signed out, or the role was taken away: the page itself knows what to show.
            location.reload();
            return;
        }
        if (response.status === 304 || !response.ok) return;
        this.etag = response.headers.get("ETag") || "";
        this.apply(new DOMParser().parseFromString(await response.text(), "text/html"));
        this.follow();
    }
}

// Puts the fetched messages into the page's list: new ones are added, changed ones replaced, the rest stays.
export function mergeLines(list, fetched) {
    const known = new Map([...list.children].map((line) => [line.dataset.id, line]));
    const wanted = new Set();
    for (const line of [...fetched.children]) {
        wanted.add(line.dataset.id);
        const shown = known.get(line.dataset.id);
        if (!shown) list.append(line);
        else if (shown.dataset.version !== line.dataset.version) shown.replaceWith(line);
    }
    for (const [id, line] of known) if (!wanted.has(id)) line.remove();
}

export function replacePart(root, fetched, name) {
    const part = fetched.querySelector(`[data-part="${name}"]`);
    const shown = root.querySelector(`[data-part="${name}"]`);
    if (part && shown) shown.replaceWith(part);
    return part;
}

export async function post(form, extra = {}) {
    const data = new FormData(form);
    for (const [name, value] of Object.entries(extra)) data.set(name, value);
    try {
        const response = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" }, credentials: "same-origin" });
        const isJson = response.headers.get("Content-Type")?.includes("json");
        const answer = isJson ? await response.json() : {};
        if (!response.ok && !answer.problem) answer.problem = `The server answered ${response.status}. Reload the page and try again.`;
        return answer;
    } catch {
        return { problem: "The server can’t be reached. Your text is still here: try again." };
    }
}

// A textarea that grows with its text, sends on Enter and makes a new line on Shift+Enter.
export function composer(form, send) {
    const text = form.elements.text;
    const fit = () => {
        text.style.height = "auto";
        text.style.height = `${text.scrollHeight + 2}px`;
    };
    text.addEventListener("input", fit);
    text.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        form.requestSubmit();
    });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const written = text.value.trim();
        if (!written || text.disabled) return;
        text.value = "";
        fit();
        // What could not be sent comes back, unless something new was typed meanwhile.
        if (!(await send(written)) && !text.value) {
            text.value = written;
            fit();
        }
        text.focus();
    });
}

export function isAtEnd(scroll) {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
}

export function toEnd(scroll) {
    scroll.scrollTop = scroll.scrollHeight;
}

export function showProblem(root, words) {
    const line = root.querySelector("[data-problem]");
    if (!line) return;
    line.textContent = words || "";
    line.hidden = !words;
}

export function showState(root, word) {
    const place = root.querySelector("[data-live-state]");
    if (!place) return;
    place.dataset.state = word;
    place.textContent = word === "live" ? "Live" : "Looks again every 5 s";
}
