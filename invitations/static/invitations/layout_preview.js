// The picture beside a layout: drawn on the server a moment after the last change, never two at once.
import { element } from "./layout_fields.js";

const PAUSE_MS = 350;

async function ask(url, form, extra) {
    const data = new FormData();
    for (const name of ["csrfmiddlewaretoken", "opened_for_organization"]) {
        if (form.elements[name]) data.set(name, form.elements[name].value);
    }
    for (const [name, value] of Object.entries(extra)) data.set(name, value);
    const response = await fetch(url, { method: "POST", body: data, headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!response.headers.get("Content-Type")?.includes("json")) throw new Error(`The server answered ${response.status}. Reload the page.`);
    return response.json();
}

export class Preview {
    // `text()` returns the document, `problems(list)` shows what is wrong with it at its places.
    constructor(root, form, { text, problems }) {
        Object.assign(this, { root, form, text, problems, timer: 0, isAsking: false, isStale: false });
        this.picture = root.querySelector("[data-picture]");
        this.state = root.querySelector("[data-preview-state]");
        this.notes = root.querySelector("[data-notes]");
        this.source = root.querySelector("[data-source]");
        this.contact = root.querySelector("[data-contact]");
        this.source.addEventListener("change", () => this.chooseSource());
        this.contact.addEventListener("change", () => this.refresh());
        this.madeUp = [...this.contact.options].map((each) => each.cloneNode(true));
    }

    soon() {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.refresh(), PAUSE_MS);
    }

    async refresh() {
        clearTimeout(this.timer);
        if (this.isAsking) {
            this.isStale = true;
            return;
        }
        this.isAsking = true;
        do {
            this.isStale = false;
            this.say("Drawing …");
            try {
                const chosen = { document: this.text(), source: this.source.value, contact: this.contact.value };
                this.show(await ask(this.root.dataset.previewUrl, this.form, chosen));
            } catch (error) {
                this.say(error.message || "The server can’t be reached.", "bad");
            }
        } while (this.isStale);
        this.isAsking = false;
    }

    show(answer) {
        this.problems(answer.problems ?? []);
        if (answer.image) {
            this.picture.src = answer.image;
            this.picture.hidden = false;
            this.root.dataset.version = String(Number(this.root.dataset.version ?? 0) + 1);
        }
        this.notes.replaceChildren(...(answer.warnings ?? []).map((words) => element("li", { class: "cb-problem" }, words)));
        if (answer.problem) this.say(answer.problem, "bad");
        else if (answer.problems?.length) this.say("Not drawn: something is wrong with the layout.", "bad");
        else this.say(`${answer.width} × ${answer.height} · ${answer.kilobytes} KB · ${answer.milliseconds} ms`);
    }

    say(words, tone = "") {
        this.state.textContent = words;
        this.state.className = tone ? `cb-${tone}` : "cb-hint";
    }

    async chooseSource() {
        if (!this.source.value) {
            this.contact.replaceChildren(...this.madeUp.map((each) => each.cloneNode(true)));
            this.refresh();
            return;
        }
        this.say("Asking for contacts …");
        try {
            const answer = await ask(this.root.dataset.contactsUrl, this.form, { source: this.source.value });
            const options = (answer.contacts ?? []).map(([value, title]) => element("option", { value }, title));
            this.contact.replaceChildren(...options);
            if (options.length) this.refresh();
            else this.say(answer.problem || "There are no contacts.", answer.problem ? "bad" : "");
        } catch (error) {
            this.say(error.message || "The server can’t be reached.", "bad");
        }
    }
}
