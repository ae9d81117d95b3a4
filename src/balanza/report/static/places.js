// What the map and the page of a municipality share: names that are found without accents, sentences, numbers.
// Every text of the data reaches the page as text, a name apart from the words around it (bdi).
"use strict";
const places = (() => {
  const SHOWN = 8;
  const locale = document.documentElement.lang === "es" ? "es-MX" : "en";

  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  const fold = (text) =>
    text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

  const number = (value, digits, unknown) =>
    value === null || value === undefined
      ? unknown
      : value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });

  const made = (tag, ...content) => {
    const element = document.createElement(tag);
    element.append(...content);
    return element;
  };

  const say = (element, template, values = {}) => {
    const parts = template.split(/\{(\w+)\}/);
    element.replaceChildren(...parts.map((part, at) => (at % 2 ? made("bdi", String(values[part])) : part)));
  };

  const entries = (names, codes, states, born) => {
    const label = (name, code) => `${name}, ${states[code.slice(0, 2)]}`;
    const own = names.map((name, index) => ({ index, label: label(name, codes[index]) }));
    const at = new Map(codes.map((code, index) => [code, index]));
    const later = born.map(([child, name, parent, date]) => ({ index: at.get(parent), label: label(name, child), child: name, code: child, date }));
    return [...own, ...later].map((entry) => ({ ...entry, plain: fold(entry.label) }));
  };

  // A field that finds a municipality: the browser's own list, the nearest matches as buttons, and Enter.
  const finder = (form, known, words, choose) => {
    const input = form.querySelector("input");
    const listed = form.querySelector("ul");
    const told = form.querySelector("[role=status]");
    form.querySelector("datalist").replaceChildren(
      ...known.map((entry) => Object.assign(document.createElement("option"), { value: entry.label })),
    );
    const clear = () => {
      listed.replaceChildren();
      told.replaceChildren();
    };
    const take = (entry) => {
      clear();
      input.value = entry.label;
      choose(entry);
    };
    const matches = (plain) => {
      const found = known.filter((entry) => ` ${entry.plain}`.includes(` ${plain}`));
      return found.sort((a, b) => b.plain.startsWith(plain) - a.plain.startsWith(plain));
    };
    const exact = () => known.find((entry) => entry.label === input.value);
    input.addEventListener("input", () => {
      const plain = fold(input.value);
      clear();
      if (exact()) return take(exact());
      if (plain.length < 2) return;
      const found = matches(plain);
      if (!found.length) say(told, words.nobody, { text: input.value });
      if (found.length > SHOWN) say(told, words.matches, { n: found.length });
      for (const entry of found.slice(0, SHOWN)) {
        const button = made("button", made("bdi", entry.label));
        button.type = "button";
        button.addEventListener("click", () => take(entry));
        listed.append(made("li", button));
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [first] = exact() ? [exact()] : matches(fold(input.value));
      if (first) take(first);
      else say(told, words.nobody, { text: input.value });
    });
    form.hidden = false;
  };

  const hint = () => {
    const note = made("div");
    note.className = "value";
    note.hidden = true;
    document.body.append(note);
    const hide = () => (note.hidden = true);
    const show = (event, fill) => {
      fill(note);
      note.hidden = false;
      const room = document.documentElement;
      note.style.left = `${Math.max(8, Math.min(event.clientX + 14, room.clientWidth - note.offsetWidth - 8))}px`;
      const below = event.clientY + 18;
      const fits = below + note.offsetHeight < room.clientHeight;
      note.style.top = `${fits ? below : Math.max(8, event.clientY - note.offsetHeight - 12)}px`;
    };
    return { show, hide };
  };

  // The chart as it is now, by the buttons that all pictures have.
  const equip = (figure, view, name, linked) => {
    const tools = document.getElementById("picture-tools").content.cloneNode(true);
    if (linked) tools.querySelector(".link").href = `#${figure.id}`;
    else tools.querySelector(".link").remove();
    tools.querySelector(".svg").addEventListener("click", async () =>
      save(new Blob([await view.toSVG()], { type: "image/svg+xml" }), `${name()}.svg`));
    tools.querySelector(".png").addEventListener("click", async () =>
      (await view.toCanvas(2)).toBlob((blob) => save(blob, `${name()}.png`), "image/png"));
    figure.append(tools);
  };

  // The interpreter of expressions (ast) needs no permission to run text.
  const draw = (element, spec, datasets, tooltip) =>
    vegaEmbed(element, { ...spec, datasets, background: "white" }, {
      ast: true, renderer: "svg", actions: false, hover: false, tooltip,
    }).then(({ view }) => view);

  return { draw, entries, equip, finder, hint, made, number, read, say };
})();
