// A request's page: progress, figures and images move by themselves; at its end the whole page says so.
import { Live, replacePart, showState } from "../console/live.js";

const part = () => document.querySelector('[data-part="batch"]');

if (part()?.dataset.topic) {
    const live = new Live({
        url: () => part().dataset.url,
        topic: () => part().dataset.topic ?? "",
        state: (word) => showState(document, word),
        apply: (fetched) => {
            const word = document.querySelector("[data-live-state]")?.dataset.state;
            const isOpen = "topic" in part().dataset;
            const shown = replacePart(document, fetched, "batch");
            if (isOpen && shown && !("topic" in shown.dataset)) location.reload();
            if (word) showState(document, word);
        },
    });
    live.start();
}
