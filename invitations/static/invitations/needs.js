// The forms of sources and drafts: only what the kind and the choices need is shown; without this script everything is.
const about = document.querySelector("[data-needs]");
const form = document.getElementById(about?.dataset.form);

function valueOf(name) {
    return form.elements[name]?.value ?? (name === "kind" ? about.dataset.kind : undefined);
}

function show() {
    for (const [field, needs] of Object.entries(JSON.parse(about.dataset.needs))) {
        const isNeeded = Object.entries(needs).every(([name, values]) => {
            const value = valueOf(name);
            return value === undefined || values.includes(value);
        });
        for (const line of form.querySelectorAll(`.field-line.field-${field}`)) line.classList.toggle("cb-not-needed", !isNeeded);
    }
    for (const group of form.querySelectorAll("fieldset")) {
        const lines = [...group.querySelectorAll(".field-line")];
        group.classList.toggle("cb-not-needed", lines.length > 0 && lines.every((line) => line.classList.contains("cb-not-needed")));
    }
}

if (about && form) {
    form.addEventListener("change", show);
    show();
}
