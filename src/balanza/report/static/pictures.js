// Pictures of a page: their values under the pointer and the keyboard, and the picture itself as SVG and PNG.
"use strict";
{
  const SVG = "http://www.w3.org/2000/svg";
  const NAMED = "[data-value]";
  const SCALE = 2; // of the PNG, so that it is sharp in print
  const PAPER = "#ffffff";

  const note = document.createElement("div");
  note.className = "value";
  note.setAttribute("role", "status");
  note.hidden = true;
  document.body.append(note);

  // The titles within a picture are its values; the browser's own pop-up would stand beside the note.
  const takeTitles = (svg) => {
    for (const title of svg.querySelectorAll("title")) {
      const mark = title.parentElement;
      if (mark === svg) continue;
      mark.dataset.value = title.textContent;
      mark.setAttribute("aria-label", title.textContent);
      if (!mark.hasAttribute("role")) mark.setAttribute("role", "img");
      title.remove();
    }
  };

  const show = (mark, x, y) => {
    note.textContent = mark.dataset.value;
    note.hidden = false;
    const room = document.documentElement;
    const left = Math.min(x + 14, room.clientWidth - note.offsetWidth - 8);
    const above = y + 18 + note.offsetHeight > room.clientHeight;
    note.style.left = `${Math.max(8, left)}px`;
    note.style.top = `${above ? Math.max(8, y - note.offsetHeight - 12) : y + 18}px`;
  };

  let current = null;
  const hide = () => {
    note.hidden = true;
    current?.classList.remove("current");
    current = null;
  };
  const pick = (mark) => {
    hide();
    current = mark;
    mark.classList.add("current");
    const box = mark.getBoundingClientRect();
    show(mark, box.left + box.width / 2, box.top + box.height / 2);
  };

  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: "first", End: "last" };
  const walk = (event, marks) => {
    if (event.key === "Escape") return hide();
    if (!(event.key in step) || !marks.length) return;
    event.preventDefault();
    const move = step[event.key];
    const at = marks.indexOf(current);
    const next = move === "first" ? 0 : move === "last" ? marks.length - 1 : at < 0 ? 0 : at + move;
    const mark = marks[Math.min(Math.max(next, 0), marks.length - 1)];
    mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    pick(mark);
  };

  const size = (svg) => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];

  const standalone = (svg) => {
    const copy = svg.cloneNode(true);
    const [width, height] = size(svg);
    for (const name of ["tabindex", "aria-labelledby", "style"]) copy.removeAttribute(name);
    for (const mark of copy.querySelectorAll(NAMED)) {
      const title = document.createElementNS(SVG, "title");
      title.textContent = mark.dataset.value;
      mark.prepend(title);
      mark.removeAttribute("data-value");
      mark.classList.remove("current");
    }
    const paper = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ width, height, fill: PAPER })) paper.setAttribute(name, value);
    copy.prepend(paper);
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    return new XMLSerializer().serializeToString(copy);
  };

  const asSvg = (svg, name) => save(new Blob([standalone(svg)], { type: "image/svg+xml" }), `${name}.svg`);

  const asPng = async (svg, name) => {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = size(svg).map((length) => Math.ceil(SCALE * length));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
  };

  const equip = (figure) => {
    const svg = figure.querySelector("svg");
    if (!svg) return;
    takeTitles(svg);
    const marks = [...svg.querySelectorAll(NAMED)];
    svg.addEventListener("pointermove", (event) => {
      const mark = event.target.closest(NAMED);
      if (mark) show(mark, event.clientX, event.clientY);
      else hide();
    });
    svg.addEventListener("pointerleave", hide);
    const caption = figure.querySelector("figcaption");
    if (caption) {
      caption.id = `${figure.id}-caption`;
      svg.setAttribute("aria-labelledby", caption.id);
    }
    if (marks.length) {
      svg.setAttribute("role", "graphics-document");
      svg.setAttribute("tabindex", "0");
      svg.addEventListener("keydown", (event) => walk(event, marks));
      svg.addEventListener("blur", hide);
    }
    const tools = document.getElementById("picture-tools").content.cloneNode(true);
    const name = `${document.body.dataset.page}-${figure.id}`;
    tools.querySelector(".link").href = `#${figure.id}`;
    tools.querySelector(".svg").addEventListener("click", () => asSvg(svg, name));
    tools.querySelector(".png").addEventListener("click", () => asPng(svg, name));
    figure.append(tools);
  };

  for (const figure of document.querySelectorAll("figure[id]:not([data-own])")) equip(figure);
}
