// Fields of a layout's document, made from its JSON Schema: one for each property, each with its path in the document.
const WORDS = {
    x: "Left", y: "Top", width: "Width", height: "Height", size: "Size", min_size: "Smallest size", max_lines: "Lines at most",
    line_height: "Line height", align: "Across", valign: "Down", font: "Font", weight: "Weight", color: "Colour", background: "Background",
    text: "Text", name: "Name", shape: "Shape", radius: "Corner radius", border: "Border", crop: "Shows", direction: "Direction",
    picture: "Picture", format: "Format", quality: "Quality",
    jpeg: "JPEG", png: "PNG", circle: "Circle", square: "Square", rounded: "Rounded", head: "Head and shoulders", face: "The face",
    whole: "The whole photo", start: "Where the text begins", left: "Left", center: "Centred", right: "Right", top: "Top", middle: "Middle",
    bottom: "Bottom", auto: "As the text is", ltr: "Left to right", rtl: "Right to left",
    photo: "Photo", qr: "QR code", rectangle: "Shape",
};
let count = 0;

export function words(name) {
    return WORDS[name] ?? name;
}

export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name in made && typeof value !== "string") made[name] = value;
        else made.setAttribute(name, value);
    }
    made.append(...children.filter((each) => each !== null));
    return made;
}

export function iconButton(icon, title, act) {
    const button = element("button", { type: "button", class: "cb-icon-button", title, "aria-label": title },
        element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, icon));
    button.addEventListener("click", act);
    return button;
}

// What counts where nothing is chosen or typed.
function usual(schema) {
    return schema.default === undefined ? "—" : words(String(schema.default));
}

function choice(options, value, isRequired, without) {
    const known = options.some(([each]) => each === value) || value === undefined || value === "";
    const select = element("select", {});
    if (!isRequired) select.append(element("option", { value: "" }, without));
    for (const [each, title] of known ? options : [...options, [value, `${value} (not there)`]]) select.append(element("option", { value: each }, title));
    select.value = value ?? "";
    return select;
}

// The picker knows no transparency, so the text beside it is what counts.
function colour(value, without, change) {
    const text = element("input", { type: "text", value: value ?? "", placeholder: without ?? "#rrggbb", spellcheck: false, maxlength: "9" });
    const picker = element("input", { type: "color", value: (value ?? without ?? "#000000").slice(0, 7), tabindex: "-1", "aria-hidden": "true" });
    text.addEventListener("input", () => {
        if (/^#[0-9a-fA-F]{6}/.test(text.value)) picker.value = text.value.slice(0, 7);
        change(text.value || undefined);
    });
    picker.addEventListener("input", () => {
        text.value = picker.value + text.value.slice(7);
        change(text.value);
    });
    return [text, element("span", { class: "cb-colour" }, picker, text)];
}

function control(name, schema, value, offered, isRequired, change) {
    if (schema.pattern) return colour(value, schema.default, change);
    let made;
    if (schema.enum) made = choice(schema.enum.map((each) => [each, words(each)]), value, isRequired, usual(schema));
    else if (name === "font") made = choice(offered.fonts, value, isRequired, usual(schema));
    else if (name === "picture") made = choice(offered.pictures, value, isRequired, "—");
    else if (schema.type === "number" || schema.type === "integer") {
        made = element("input", { type: "number", step: schema.type === "integer" ? "1" : "any", inputmode: "decimal", value: String(value ?? ""), placeholder: String(schema.default ?? "") });
        made.addEventListener("input", () => change(made.value === "" ? undefined : Number(made.value)));
        return [made, made];
    } else if (name === "text") made = element("textarea", { rows: "2", dir: "auto", spellcheck: false });
    else made = element("input", { type: "text", maxlength: String(schema.maxLength ?? 200), value: value ?? "" });
    if (made.tagName === "TEXTAREA") made.value = value ?? "";
    made.addEventListener("input", () => change(made.value === "" && !(isRequired && name === "text") ? undefined : made.value));
    return [made, made];
}

function field(owner, name, schema, path, offered, isRequired, changed) {
    const change = (value) => {
        if (value === undefined) delete owner[name];
        else owner[name] = value;
        changed();
    };
    const [input, shown] = control(name, schema, owner[name], offered, isRequired, change);
    input.id = `layout-field-${(count += 1)}`;
    const label = element("label", { for: input.id }, words(name));
    const problem = element("span", { class: "cb-field-problem", id: `${input.id}-problem`, hidden: true });
    input.setAttribute("aria-describedby", problem.id);
    const isWide = name === "text" || name === "font" || name === "picture";
    return element("div", { class: isWide ? "cb-field cb-field-wide" : "cb-field", "data-path": `${path}${name}` }, label, shown, problem);
}

// Returns the fields of one object; what the schema nests (a border) comes as a group of its own.
export function fields(owner, schema, path, offered, changed) {
    const made = [];
    for (const [name, of] of Object.entries(schema.properties)) {
        if ("const" in of || of.type === "array") continue;
        if (of.type !== "object") {
            made.push(field(owner, name, of, path, offered, schema.required?.includes(name), changed));
            continue;
        }
        const inner = owner[name] ?? {};
        const nested = fields(inner, of, `${path}${name}.`, offered, () => {
            if (Object.keys(inner).length) owner[name] = inner;
            else delete owner[name];
            changed();
        });
        made.push(element("fieldset", { class: "cb-field-group" }, element("legend", {}, words(name)), element("div", { class: "cb-fields" }, ...nested)));
    }
    return made;
}
