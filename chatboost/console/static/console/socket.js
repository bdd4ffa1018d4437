// The page's one WebSocket: whoever wants to hear something shares it. It comes back by itself, and goes on with
// notifications where it left off. Only modules import this file, always by this name, so there is one connection.

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
// Signed out, no longer a member (the page finds out when it asks for something), or in too many tabs.
const REFUSED_MS = 60000;
const REFUSED = [4401, 4403, 1008];
// The server pings every 20 s; a connection that is silent for longer is dead, whatever the browser thinks.
const SILENCE_MS = 50000;
// Going from page to page misses nothing; a tab that comes back later starts anew.
const GAP_MS = 30000;

class Connection extends EventTarget {
    constructor() {
        super();
        this.topics = new Map();
        this.failures = 0;
        this.isReady = false;
        this.organization = document.querySelector("[data-bell]")?.dataset.organization ?? "";
        this.cursor = this.remembered();
    }

    start() {
        if (this.timer) return;
        this.timer = setInterval(() => this.watch(), 5000);
        window.addEventListener("online", () => this.hurry());
        window.addEventListener("pageshow", (event) => { if (event.persisted) this.hurry(); });
        this.connect();
    }

    follow(topic) {
        const count = this.topics.get(topic) ?? 0;
        this.topics.set(topic, count + 1);
        if (!count && this.isReady) this.send({ type: "subscribe", topic });
    }

    unfollow(topic) {
        const count = this.topics.get(topic) ?? 0;
        if (count > 1) {
            this.topics.set(topic, count - 1);
            return;
        }
        this.topics.delete(topic);
        if (count && this.isReady) this.send({ type: "unsubscribe", topic });
    }

    connect() {
        clearTimeout(this.retry);
        const scheme = location.protocol === "https:" ? "wss" : "ws";
        const query = new URLSearchParams();
        if (this.organization) query.set("organization", this.organization);
        // In the address it is there before anything can come.
        if (this.cursor !== null) query.set("cursor", this.cursor);
        const socket = new WebSocket(`${scheme}://${location.host}/ws?${query}`);
        this.socket = socket;
        this.heardAt = Date.now();
        socket.addEventListener("message", (event) => { if (socket === this.socket) this.receive(event.data); });
        socket.addEventListener("close", (event) => { if (socket === this.socket) this.lose(event.code); });
    }

    lose(code) {
        const wasReady = this.isReady;
        this.socket = null;
        this.isReady = false;
        if (wasReady || !this.failures) this.dispatchEvent(new Event("down"));
        const wait = REFUSED.includes(code) ? REFUSED_MS : RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
        this.failures += 1;
        // Not all tabs of everybody at once after a restart.
        this.retry = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
    }

    watch() {
        if (this.socket && Date.now() - this.heardAt > SILENCE_MS) this.abandon();
    }

    hurry() {
        this.failures = 0;
        this.abandon();
        this.connect();
    }

    abandon() {
        const socket = this.socket;
        if (!socket) return;
        this.lose(1006);
        socket.close();
    }

    send(frame) {
        if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
    }

    receive(text) {
        this.heardAt = Date.now();
        let frame;
        try {
            frame = JSON.parse(text);
        } catch {
            return;
        }
        if (frame.type === "ready") this.enter(frame);
        // In order, so whatever breaks off here goes on from the last one that came.
        if (frame.type === "notification" || frame.type === "resumed") this.remember(frame.cursor);
        this.dispatchEvent(new CustomEvent(frame.type, { detail: frame }));
    }

    enter(frame) {
        this.failures = 0;
        this.isReady = true;
        if (this.cursor === null) this.send({ type: "resume", cursor: frame.cursor });
        for (const topic of this.topics.keys()) this.send({ type: "subscribe", topic });
    }

    remember(cursor) {
        this.cursor = cursor;
        try {
            sessionStorage.setItem(this.storageKey(), JSON.stringify({ cursor, at: Date.now() }));
        } catch {
            // Without storage only the step to the next page is not bridged.
        }
    }

    remembered() {
        try {
            const kept = JSON.parse(sessionStorage.getItem(this.storageKey()));
            return kept && Date.now() - kept.at < GAP_MS ? kept.cursor : null;
        } catch {
            return null;
        }
    }

    storageKey() {
        return `chatboost.cursor.${document.querySelector("[data-bell]")?.dataset.user ?? ""}.${this.organization}`;
    }
}

export const connection = new Connection();
