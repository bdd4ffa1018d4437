// The crop by hand: a frame on the photo, moved and resized with mouse, touch and keyboard; the form has its numbers.
const SVG = "http://www.w3.org/2000/svg";
const photo = document.querySelector("[data-photo]");
const form = document.querySelector("[data-crop]");

function clamp(value, low, high) {
    return Math.min(Math.max(value, low), Math.max(low, high));
}

function makeCropper() {
    const whole = { width: Number(photo.dataset.width), height: Number(photo.dataset.height) };
    const aspect = Number(photo.dataset.aspect) || 1;
    const smallest = Math.max(16 * Math.max(1, aspect), Math.min(whole.width, whole.height) / 20);
    const line = Math.max(whole.width, whole.height) / 250;
    const inputs = Object.fromEntries(["x", "y", "width", "height"].map((name) => [name, form.elements[name]]));
    const frame = photo.querySelector("[data-frame]") ?? photo.appendChild(document.createElementNS(SVG, "rect"));
    const corner = photo.appendChild(document.createElementNS(SVG, "circle"));
    frame.setAttribute("class", "cb-crop");
    frame.setAttribute("stroke-width", line);
    frame.setAttribute("tabindex", "0");
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-label", "Frame of the photo: arrows move it, plus and minus resize it");
    corner.setAttribute("class", "cb-crop-corner");
    corner.setAttribute("r", line * 4);
    photo.classList.add("cb-croppable");

    // The largest frame in the middle, a little smaller than the photo; around the face where there is one.
    function first() {
        const face = photo.querySelector(".cb-face");
        let height = Math.min(whole.height, whole.width / aspect) * 0.9;
        let middle = { x: whole.width / 2, y: whole.height / 2 };
        if (face) {
            const [x, y, width, tall] = ["x", "y", "width", "height"].map((name) => Number(face.getAttribute(name)));
            middle = { x: x + width / 2, y: y + tall * 0.6 };
            height = Math.min(height, (tall * 2.2) / Math.min(1, aspect));
        }
        return fit({ x: middle.x - (height * aspect) / 2, y: middle.y - height / 2, width: height * aspect, height });
    }

    // Keeps a frame inside the photo, and in the shape of its place on the card.
    function fit(box) {
        const width = clamp(box.width, Math.min(smallest, whole.width), Math.min(whole.width, whole.height * aspect));
        const height = width / aspect;
        return { x: clamp(box.x, 0, whole.width - width), y: clamp(box.y, 0, whole.height - height), width, height };
    }

    function read() {
        const box = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, Number(input.value)]));
        return inputs.width.value && inputs.height.value ? box : null;
    }

    let box = read() ?? first();

    // What is sent are whole pixels that lie on the photo.
    function write() {
        const [x, y] = [Math.round(box.x), Math.round(box.y)];
        inputs.x.value = x;
        inputs.y.value = y;
        inputs.width.value = Math.min(Math.round(box.width), whole.width - x);
        inputs.height.value = Math.min(Math.round(box.height), whole.height - y);
    }

    function show(isTyped = false) {
        for (const name of ["x", "y", "width", "height"]) frame.setAttribute(name, box[name]);
        if (!isTyped) write();
        corner.setAttribute("cx", box.x + box.width);
        corner.setAttribute("cy", box.y + box.height);
    }

    function place(event) {
        const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(photo.getScreenCTM().inverse());
        return { x: at.x, y: at.y };
    }

    let drag = null;
    photo.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        const start = place(event);
        const isInside = start.x >= box.x && start.x <= box.x + box.width && start.y >= box.y && start.y <= box.y + box.height;
        if (event.target !== corner && !isInside) box = fit({ ...box, x: start.x - box.width / 2, y: start.y - box.height / 2 });
        drag = { start, box, isResize: event.target === corner };
        photo.setPointerCapture(event.pointerId);
        frame.focus({ preventScroll: true });
        event.preventDefault();
        show();
    });
    photo.addEventListener("pointermove", (event) => {
        if (!drag) return;
        const now = place(event);
        const moved = { x: now.x - drag.start.x, y: now.y - drag.start.y };
        if (!drag.isResize) box = fit({ ...drag.box, x: drag.box.x + moved.x, y: drag.box.y + moved.y });
        else {
            const room = Math.min(whole.width - drag.box.x, (whole.height - drag.box.y) * aspect);
            box = fit({ ...drag.box, width: Math.min(room, drag.box.width + Math.max(moved.x, moved.y * aspect)) });
        }
        show();
    });
    for (const name of ["pointerup", "pointercancel"]) photo.addEventListener(name, () => { drag = null; });

    frame.addEventListener("keydown", (event) => {
        const step = Math.max(whole.width, whole.height) / (event.shiftKey ? 400 : 50);
        const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
        const grows = { "+": 1, "=": 1, "*": 1, "-": -1, _: -1, "−": -1 };
        if (event.key in moves) {
            const [x, y] = moves[event.key];
            box = fit({ ...box, x: box.x + x * step, y: box.y + y * step });
        } else if (event.key in grows) {
            const width = box.width + grows[event.key] * step;
            box = fit({ x: box.x + (box.width - width) / 2, y: box.y + (box.height - width / aspect) / 2, width });
        } else return;
        event.preventDefault();
        show();
    });

    form.addEventListener("input", () => {
        const typed = read();
        if (!typed || typed.width < 1 || typed.height < 1) return;
        box = typed;
        show(true);
    });
    show();
}

if (photo && form) makeCropper();
