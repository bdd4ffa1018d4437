// Small conveniences of every page: questions before doing something, and copying.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset?.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
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
