// The editor of a layout. Its document is the JSON that the form sends; the fields are another view of the same.
import { element, fields, iconButton, words } from "./layout_fields.js";
import { Preview } from "./layout_preview.js";

function edit(root) {
    const form = root.closest("form");
    const json = form.elements.document;
    const places = root.querySelector("[data-fields]");
    const schema = JSON.parse(root.dataset.schema);
    const offered = JSON.parse(root.dataset.offered);
    const general = root.querySelector("[data-general]");

    let layout = {};
    let open = new Set(["card"]);

    const preview = new Preview(root.querySelector("[data-preview]"), form, { text: () => json.value, problems: showProblems });

    function write() {
        json.value = JSON.stringify(layout, null, 2);
        preview.soon();
    }

    function isObject(value) {
        return typeof value === "object" && value !== null && !Array.isArray(value);
    }

    // Takes what was typed as JSON; what can't be read leaves the fields as they are, and says so.
    function read() {
        try {
            const typed = JSON.parse(json.value);
            if (!isObject(typed)) throw new Error("A layout is a JSON object.");
            layout = typed;
        } catch (error) {
            showProblems([["", `This is not JSON: ${error.message}`]]);
            return;
        }
        build();
        preview.soon();
    }

    function layers() {
        if (!Array.isArray(layout.layers)) layout.layers = [];
        return layout.layers;
    }

    function change(act) {
        act(layers());
        build();
        write();
    }

    function section(key, title, ...content) {
        const made = element("details", { class: "cb-layer", open: open.has(key) }, element("summary", {}, title), ...content);
        made.addEventListener("toggle", () => open[made.open ? "add" : "delete"](key));
        return made;
    }

    function titleOf(layer) {
        const about = layer.name || layer.text || layer.picture || "";
        return `${words(layer.type)}${about ? ` · ${about}` : ""}`;
    }

    // Whoever moves a layer keeps looking at it.
    function swap(one, other) {
        const [was, is] = [open.has(`layer ${one}`), open.has(`layer ${other}`)];
        for (const [key, isOpen] of [[one, is], [other, was]]) open[isOpen ? "add" : "delete"](`layer ${key}`);
        change((all) => { [all[one], all[other]] = [all[other], all[one]]; });
    }

    function remove(index) {
        open = new Set([...open].map((key) => {
            const number = key.startsWith("layer ") ? Number(key.slice(6)) : -1;
            return number > index ? `layer ${number - 1}` : number === index ? "" : key;
        }));
        change((all) => all.splice(index, 1));
    }

    function copy(index) {
        const { name, ...rest } = structuredClone(layers()[index]);
        open.add(`layer ${layers().length}`);
        change((all) => all.push(name ? { ...rest, name: `${name} ${all.length + 1}` } : rest));
    }

    function layerSection(layer, index) {
        const path = `layers.${index}.`;
        const rules = schema.layers[layer?.type];
        if (!isObject(layer) || !rules) return section(`layer ${index}`, `Layer ${index + 1}`, element("p", { class: "cb-bad", "data-path": `${path}type` }, "Its type is unknown."));
        const title = element("span", {}, titleOf(layer));
        const made = fields(layer, rules, path, offered, () => { title.textContent = titleOf(layer); write(); });
        const last = layers().length - 1;
        const buttons = element("div", { class: "cb-layer-buttons" },
            index > 0 ? iconButton("arrow_upward", "Further back", () => swap(index, index - 1)) : null,
            index < last ? iconButton("arrow_downward", "Further in front", () => swap(index, index + 1)) : null,
            iconButton("content_copy", "Copy this layer", () => copy(index)),
            iconButton("delete", "Remove this layer", () => remove(index)));
        return section(`layer ${index}`, title, element("div", { class: "cb-fields" }, ...made), buttons);
    }

    function fresh(kind) {
        const [width, height] = [layout.width || 1600, layout.height || 2000];
        const middle = { x: Math.round(width * 0.25), y: Math.round(height * 0.4), width: Math.round(width / 2), height: Math.round(height * 0.1) };
        const made = {
            photo: { ...middle, height: middle.width, shape: "circle" },
            text: { ...middle, text: "{{contact.name}}", size: Math.round(height / 25) },
            qr: { x: middle.x, y: middle.y, size: Math.round(width / 5), text: "{{card_url}}" },
            picture: { picture: offered.pictures[0]?.[0] ?? "", ...middle },
            rectangle: { ...middle, color: "#0f766e" },
        };
        return { type: kind, ...made[kind] };
    }

    function adder() {
        const made = element("div", { class: "cb-add-layer" }, element("span", { class: "cb-hint" }, "Add"));
        for (const kind of Object.keys(schema.layers)) {
            const button = element("button", { type: "button", class: "cb-button" }, words(kind));
            button.addEventListener("click", () => {
                open.add(`layer ${layers().length}`);
                change((all) => all.push(fresh(kind)));
                places.querySelector(".cb-layer:last-of-type")?.scrollIntoView({ block: "nearest" });
            });
            made.append(button);
        }
        return made;
    }

    function build() {
        const card = fields(layout, schema.card, "", offered, write);
        places.replaceChildren(
            section("card", "Card and background", element("div", { class: "cb-fields" }, ...card)),
            ...layers().map(layerSection),
            adder(),
        );
    }

    function showProblems(problems) {
        for (const place of places.querySelectorAll("[data-path]")) {
            const line = place.querySelector(".cb-field-problem");
            if (line) line.hidden = true;
            place.classList.remove("cb-field-bad");
        }
        const elsewhere = [];
        for (const [path, message] of problems) {
            const place = path ? places.querySelector(`[data-path="${CSS.escape(path)}"]`) : null;
            const line = place?.querySelector(".cb-field-problem");
            if (!line) {
                elsewhere.push(path ? `${path}: ${message}` : message);
                continue;
            }
            line.textContent = message;
            line.hidden = false;
            place.classList.add("cb-field-bad");
            place.closest("details").open = true;
        }
        general.replaceChildren(...elsewhere.map((message) => element("p", { class: "cb-problem cb-problem-error" }, message)));
    }

    json.addEventListener("input", read);
    // Enter in a field of the editor would save the layout half-way.
    places.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.tagName === "INPUT") event.preventDefault(); });
    read();
}

const editor = document.querySelector("[data-layout]");
if (editor) edit(editor);
