// A job's page: its progress moves by itself; once it has ended, the whole page says so.
import { Live, replacePart, showState } from "../console/live.js";

const part = () => document.querySelector('[data-part="job"]');

if (part()?.dataset.topic) {
    const live = new Live({
        url: () => part().dataset.url,
        topic: () => part().dataset.topic ?? "",
        state: (word) => showState(document, word),
        apply: (fetched) => {
            const word = document.querySelector("[data-live-state]")?.dataset.state;
            const before = part().dataset.state;
            if (replacePart(document, fetched, "job")?.dataset.state !== before) location.reload();
            if (word) showState(document, word);
        },
    });
    live.start();
}
