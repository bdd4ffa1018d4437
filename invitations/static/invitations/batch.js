// A batch's page: progress, figures and cards move by themselves; at its end the whole page says so.
import { Live, replacePart, showState } from "../console/live.js";

const part = () => document.querySelector('[data-part="batch"]');

const pictures = () => document.querySelectorAll(".cb-tile img");

// Pictures that were here stay: a new element of the same address would be fetched and drawn anew.
function keepPictures(before) {
    const kept = new Map([...before].map((each) => [each.getAttribute("src"), each]));
    for (const each of pictures()) each.replaceWith(kept.get(each.getAttribute("src")) ?? each);
}

if (part()?.dataset.topic) {
    const live = new Live({
        url: () => part().dataset.url,
        topic: () => part().dataset.topic ?? "",
        state: (word) => showState(document, word),
        apply: (fetched) => {
            const word = document.querySelector("[data-live-state]")?.dataset.state;
            const focused = document.activeElement?.closest("[data-key]")?.dataset.key;
            const before = [...pictures()];
            const shown = replacePart(document, fetched, "batch");
            keepPictures(before);
            if (shown && !("topic" in shown.dataset)) location.reload();
            if (focused) shown?.querySelector(`[data-key="${focused}"] a`)?.focus();
            if (word) showState(document, word);
        },
    });
    live.start();
}
