// Light, dark or as the system has it: the same choice, in the same place, as the console's.

const STORED = "adminTheme";
const CHOICES = ["light", "dark", "auto"];
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen() {
    try {
        const value = JSON.parse(localStorage.getItem(STORED));
        return CHOICES.includes(value) ? value : "auto";
    } catch {
        return "auto";
    }
}

function show() {
    const root = document.documentElement;
    const theme = root.dataset.theme || chosen();
    root.classList.toggle("dark", theme === "dark" || (theme === "auto" && systemIsDark.matches));
    for (const button of document.querySelectorAll("[data-choose-theme]")) {
        button.setAttribute("aria-pressed", String(button.dataset.chooseTheme === theme));
    }
}

show();
systemIsDark.addEventListener("change", show);
document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-choose-theme]")) {
        button.addEventListener("click", () => {
            localStorage.setItem(STORED, JSON.stringify(button.dataset.chooseTheme));
            show();
        });
    }
    show();
});
