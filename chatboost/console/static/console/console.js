// Small conveniences of every page: questions before doing something, menus that close, and copying.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset?.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
});

function closeMenus(kept) {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== kept) menu.open = false;
}

document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details[data-menu]")));
document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.activeElement?.closest("details[data-menu][open]")?.querySelector("summary").focus();
    closeMenus();
});

document.addEventListener("DOMContentLoaded", () => {
    for (const code of document.querySelectorAll("[data-copy]")) {
        if (!navigator.clipboard) continue;
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "Copy";
        button.addEventListener("click", async () => {
            await navigator.clipboard.writeText(code.dataset.copy);
            button.textContent = "Copied";
            setTimeout(() => { button.textContent = "Copy"; }, 1500);
        });
        code.append(button);
    }
    document.getElementById("nav-filter")?.setAttribute("placeholder", "Search people, bots, flows…");
});
