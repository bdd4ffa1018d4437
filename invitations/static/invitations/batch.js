// A batch's page: progress, figures and cards move by themselves; at its end the whole page says so.
import { Live, replacePart, showState } from "../console/live.js";

const part = () => document.querySelector('[data-part="batch"]');

// Pictures that are here stay: a new element of the same address would be fetched and drawn anew.
function keepPictures(fetched) {
    const here = new Map([...document.querySelectorAll(".cb-tile img")].map((each) => [each.getAttribute("src"), each]));
    for (const each of fetched.querySelectorAll(".cb-tile img")) {
        const kept = here.get(each.getAttribute("src"));
        if (kept) each.replaceWith(kept);
    }
}

if (part()?.dataset.topic) {
    const live = new Live({
        url: () => part().dataset.url,
        topic: () => part().dataset.topic ?? "",
        state: (word) => showState(document, word),
        apply: (fetched) => {
            const word = document.querySelector("[data-live-state]")?.dataset.state;
            const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
            keepPictures(fetched);
            const shown = replacePart(document, fetched, "batch");
            if (shown && !("topic" in shown.dataset)) location.reload();
            if (focused) shown?.querySelector(`[data-key="${focused}"] a`)?.focus();
            if (word) showState(document, word);
        },
    });
    live.start();
}
