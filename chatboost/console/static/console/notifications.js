// The bell: how much is unread, the latest in a drawer, and a toast for what comes while the page is open.
import { connection } from "./socket.js";

const ICONS = { info: "info", success: "check_circle", warning: "warning", error: "error" };
const TOAST_MS = 8000;
// What comes together is told together, and more than a few as a number.
const GATHER_MS = 300;
const MAX_TOASTS = 3;
const PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 200;
// While there is no socket.
const POLL_MS = 15000;

const bell = document.querySelector("[data-bell]");
const button = bell.querySelector("[data-bell-button]");
const badge = bell.querySelector("[data-bell-count]");
const words = bell.querySelector("[data-bell-words]");
const drawer = bell.querySelector("[data-drawer]");
const list = drawer.querySelector("[data-notifications]");
const more = drawer.querySelector("[data-more]");
const readAll = drawer.querySelector("[data-read-all]");
const problem = drawer.querySelector("[data-drawer-problem]");
const toasts = document.querySelector("[data-toasts]");

let unread = Number(badge.dataset.count);
let knownUpTo = 0;
let next = "";
let gathered = [];
let gathering = 0;
let isLoading = false;
let isStale = false;

// Words and elements

function element(tag, className, text = "") {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
}

function icon(name) {
    const made = element("span", "material-symbols-outlined", name);
    made.setAttribute("aria-hidden", "true");
    return made;
}

function ago(moment) {
    const seconds = Math.max(0, (Date.now() - new Date(moment).getTime()) / 1000);
    if (seconds < 60) return "now";
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
    return new Date(moment).toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" });
}

// Only paths of this site are followed, whatever a row says.
function pathOf(url) {
    return url?.startsWith("/") && !/^\/[/\\]/.test(url) ? url : "";
}

function showCount(count) {
    unread = Math.max(0, count);
    badge.hidden = unread === 0;
    badge.textContent = unread > 99 ? "99+" : String(unread);
    words.textContent = unread ? `Notifications, ${badge.textContent} unread` : "Notifications";
    readAll.hidden = unread === 0;
}

function showProblem(text) {
    problem.textContent = text;
    problem.hidden = !text;
}

// Asking

async function ask(path, method = "GET") {
    const url = path.startsWith("http") ? new URL(path) : new URL(bell.dataset.url.replace(/\/?$/, "/") + path, location.origin);
    const headers = { Accept: "application/json", "X-Organization": bell.dataset.organization };
    if (method !== "GET") headers["X-CSRFToken"] = bell.querySelector("input[name=csrfmiddlewaretoken]").value;
    // Behind a proxy the server may not know its outer name: only the path counts.
    const response = await fetch(url.pathname + url.search, { method, headers, credentials: "same-origin", keepalive: method !== "GET" });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
}

async function refreshCount() {
    try {
        showCount((await ask("count")).unread_count);
    } catch {
        // The next frame or poll tells.
    }
}

// The drawer

function rowOf(row) {
    const item = element("li", "cb-notification");
    item.dataset.id = row.id;
    item.dataset.severity = row.severity;
    const path = pathOf(row.url);
    const body = element(path ? "a" : "div", "cb-notification-body");
    if (path) body.href = path;
    body.append(element("b", "", row.title));
    if (row.body) body.append(element("span", "cb-notification-text", row.body));
    body.append(element("time", "", ago(row.created_at)));
    body.querySelector("time").dateTime = row.created_at;
    item.append(icon(ICONS[row.severity] ?? "info"), body);
    markRow(item, row.is_read);
    return item;
}

function markRow(item, isRead) {
    item.dataset.read = isRead ? "1" : "0";
    item.querySelector("[data-read]")?.remove();
    if (isRead) return;
    const mark = element("button", "cb-icon-button");
    mark.type = "button";
    mark.dataset.read = "";
    mark.title = "Mark read";
    mark.append(icon("check"), element("span", "cb-sr", `Mark read: ${item.querySelector("b").textContent}`));
    item.append(mark);
}

// What is shown already stays the same element, and so keeps the focus.
function showRows(rows) {
    const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
    const items = rows.map((row) => {
        const item = known.get(String(row.id)) ?? rowOf(row);
        if ((item.dataset.read === "1") !== row.is_read) markRow(item, row.is_read);
        return item;
    });
    for (const item of [...list.children]) if (!items.includes(item)) item.remove();
    items.forEach((item, place) => {
        if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    });
    drawer.querySelector("[data-drawer-empty]").hidden = rows.length > 0;
}

async function load() {
    if (isLoading) {
        isStale = true;
        return;
    }
    isLoading = true;
    try {
        do {
            isStale = false;
            const size = Math.min(Math.max(PAGE_SIZE, list.children.length), MAX_PAGE_SIZE);
            const [page, counts] = await Promise.all([ask(`?page_size=${size}`), ask("count")]);
            next = page.next ?? "";
            more.hidden = !next;
            showRows(page.results);
            showCount(counts.unread_count);
            showProblem("");
        } while (isStale);
    } catch {
        showProblem("The server can’t be reached. Open this again to try once more.");
    } finally {
        isLoading = false;
    }
}

function isOpen() {
    return !drawer.hidden;
}

function open() {
    drawer.hidden = false;
    button.setAttribute("aria-expanded", "true");
    toasts.replaceChildren();
    drawer.focus({ preventScroll: true });
    load();
}

function close({ returnsFocus = true } = {}) {
    if (!isOpen()) return;
    drawer.hidden = true;
    button.setAttribute("aria-expanded", "false");
    if (returnsFocus) button.focus();
}

async function markRead(item) {
    if (item.dataset.read === "1") return;
    const hadFocus = item.contains(document.activeElement);
    markRow(item, true);
    if (hadFocus && isOpen()) (item.querySelector("a") ?? drawer).focus();
    showCount(unread - 1);
    try {
        await ask(`${item.dataset.id}/read`, "PUT");
    } catch {
        markRow(item, false);
        refreshCount();
        showProblem("It could not be marked as read. Try again.");
    }
}

button.addEventListener("click", () => (isOpen() ? close() : open()));
drawer.querySelector("[data-drawer-close]").addEventListener("click", () => close());
document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) close();
});
document.addEventListener("click", (event) => {
    const path = event.composedPath();
    if (isOpen() && ![bell, drawer, toasts].some((own) => path.includes(own))) close({ returnsFocus: false });
});
list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    // The request outlives the page that its link leads away from.
    if (item && event.target.closest("a, [data-read]")) markRead(item);
});
readAll.addEventListener("click", async () => {
    try {
        await ask("read-all", "PUT");
        for (const item of list.children) markRow(item, true);
        showCount(0);
        drawer.focus({ preventScroll: true });
    } catch {
        showProblem("They could not be marked as read. Try again.");
    }
});
more.addEventListener("click", async () => {
    more.disabled = true;
    try {
        const page = await ask(next);
        next = page.next ?? "";
        more.hidden = !next;
        const first = page.results.map(rowOf);
        list.append(...first);
        (first[0]?.querySelector("a, button") ?? drawer).focus();
    } catch {
        showProblem("The server can’t be reached. Try again.");
    } finally {
        more.disabled = false;
    }
});

// Toasts

function addToast({ title, text = "", severity = "info", path = "", id = 0, opens = false }) {
    const toast = element("div", "cb-toast");
    toast.dataset.severity = severity;
    if (id) toast.dataset.id = id;
    const body = element(path ? "a" : opens ? "button" : "div", "cb-toast-body");
    if (path) body.href = path;
    if (opens) {
        body.type = "button";
        body.addEventListener("click", open);
    }
    body.append(element("b", "", title));
    if (text) body.append(element("span", "cb-notification-text", text));
    if (path && id) body.addEventListener("click", () => ask(`${id}/read`, "PUT").catch(() => {}));
    const dismiss = element("button", "cb-icon-button");
    dismiss.type = "button";
    dismiss.title = "Dismiss";
    dismiss.append(icon("close"), element("span", "cb-sr", "Dismiss"));
    dismiss.addEventListener("click", () => toast.remove());
    toast.append(icon(ICONS[severity] ?? "info"), body, dismiss);
    while (toasts.children.length >= MAX_TOASTS) toasts.firstElementChild.remove();
    toasts.append(toast);
    // What went wrong stays until somebody has seen it.
    if (severity !== "error") leaveLater(toast);
}

function leaveLater(toast) {
    let timer = setTimeout(() => toast.remove(), TOAST_MS);
    const stay = () => clearTimeout(timer);
    const go = () => {
        clearTimeout(timer);
        timer = setTimeout(() => toast.remove(), TOAST_MS);
    };
    for (const name of ["mouseenter", "focusin"]) toast.addEventListener(name, stay);
    for (const name of ["mouseleave", "focusout"]) toast.addEventListener(name, go);
}

function showGathered() {
    const frames = gathered;
    gathered = [];
    gathering = 0;
    if (isOpen()) {
        load();
        return;
    }
    if (frames.length > MAX_TOASTS) {
        const worst = frames.some(({ data }) => data.severity === "error") ? "error" : "info";
        addToast({ title: `${frames.length} new notifications`, text: "Show them", severity: worst, opens: true });
        return;
    }
    for (const { id, data } of frames) {
        addToast({ title: data.title, text: data.body, severity: data.severity, path: pathOf(data.url), id });
    }
}

// The socket

connection.addEventListener("ready", ({ detail }) => {
    // Its count covers everything up to its cursor.
    knownUpTo = detail.cursor;
    showCount(detail.unread);
    if (isOpen()) load();
});
connection.addEventListener("notification", ({ detail }) => {
    if (detail.data.is_read) return;
    if (detail.cursor > knownUpTo) showCount(unread + 1);
    gathered.push(detail);
    if (!gathering) gathering = setTimeout(showGathered, GATHER_MS);
});
connection.addEventListener("changed", ({ detail }) => {
    if (detail.topic !== "notifications") return;
    if (isOpen()) load();
    else refreshCount();
});
setInterval(() => { if (!connection.isReady && !document.hidden) refreshCount(); }, POLL_MS);

// The header is a layer of its own, below a form's bar of buttons.
document.body.append(drawer, toasts);
showCount(unread);
connection.start();
