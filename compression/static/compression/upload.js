// The upload: a table can be dropped on the page, and only the field that the chosen way needs is shown.
const form = document.querySelector("[data-upload]");
const drop = form.querySelector("[data-drop]");
const input = form.querySelector('input[type="file"]');
const words = drop.querySelector("[data-drop-words]");
const chosen = drop.querySelector("[data-drop-file]");

function show() {
    const file = input.files[0];
    chosen.hidden = !file;
    chosen.textContent = file ? `${file.name}, ${Math.ceil(file.size / 1024).toLocaleString()} KiB` : "";
}

drop.classList.add("cb-drop-on");
words.hidden = false;
input.addEventListener("change", show);
// Anywhere on the page: a file that misses the frame must not replace the page.
for (const name of ["dragenter", "dragover"]) {
    window.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("cb-drop-over");
    });
}
window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("cb-drop-over");
});
window.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("cb-drop-over");
    if (event.dataTransfer.files.length !== 1) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
});

const mode = form.elements.mode;
function showFields() {
    for (const part of form.querySelectorAll("[data-mode]")) part.hidden = part.dataset.mode !== mode.value;
}
mode.addEventListener("change", showFields);
showFields();
show();
