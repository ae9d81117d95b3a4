// One municipality, by the code after the # of the address.
"use strict";
{
  const data = places.read("municipality-data");
  const { words } = data;
  const part = (id) => document.getElementById(id);
  const at = new Map(data.codes.map((code, index) => [code, index]));
  const born = new Map(data.born.map(([child, name, parent, date]) => [child, { name, parent, date }]));
  const stateNames = Object.fromEntries(Object.entries(data.states).map(([code, state]) => [code, state.name]));
  const title = document.title;
  const heading = part("name").textContent;
  const hint = places.hint();
  let chart = null;
  let shown = null;

  const figure = (value, digits) => places.number(value, digits, words.unknown);
  const stateOf = (index) => data.states[data.codes[index].slice(0, 2)];
  const stateValue = (index, name, year) => stateOf(index)[name][data.state_years.indexOf(year)] ?? null;
  const link = (index) => {
    const made = places.made("a", places.made("bdi", data.names[index]));
    made.href = `#${data.codes[index]}`;
    return made;
  };

  const rows = (id, lines) => {
    const body = part(id).querySelector("tbody");
    body.replaceChildren(
      ...lines.map((cells) =>
        places.made("tr", ...cells.map((cell, column) => {
          const made = places.made(column ? "td" : "th", cell);
          if (!column) made.scope = "row";
          else if (typeof cell === "string") made.className = "n";
          return made;
        })),
      ),
    );
  };

  const years = (index) =>
    rows("years", data.years.map((year, column) => [
      String(year),
      figure(data.people[index][column], 0),
      figure(data.homicides[index][column], 0),
      figure(data.rates[index][column], 1),
      figure(stateValue(index, "rates", year), 1),
    ]).reverse());

  const draw = async (index) => {
    const values = (list) => data.years.map((year, column) => ({ year, value: list[column] }));
    const line = (whose, list) => values(list).map((row) => ({ ...row, whose }));
    const inState = data.years.map((year) => stateValue(index, "rates", year));
    const sets = {
      rows: values(data.homicides[index]),
      lines: [...line(words.municipality, data.rates[index]), ...line(words.state, inState)],
    };
    if (chart) {
      const view = await chart;
      for (const [name, set] of Object.entries(sets)) view.data(name, set);
      return view.runAsync();
    }
    const tooltip = (_, event, item, value) => {
      if (!value) return hint.hide();
      hint.show(event, (note) => {
        note.textContent = Object.entries(value).map(([key, text]) => `${key}: ${text}`).join(", ");
      });
    };
    chart = places.draw(part("chart").querySelector(".live"), data.spec, sets, tooltip);
    return places.equip(part("chart"), await chart, () => `balanza-${data.codes[shown]}`, false);
  };

  const peers = (index) => {
    const found = data.peers[index];
    part("alone").hidden = found.length > 0;
    part("peers").hidden = !found.length;
    const last = data.years.length - 1;
    rows("peers", found.map(([peer, people, rate]) => [
      peer === index ? places.made("bdi", data.names[peer]) : link(peer),
      places.made("span", stateOf(peer).name),
      figure(people, 0),
      figure(rate, 1),
      figure(data.rates[peer][last], 1),
    ]));
  };

  const state = (index) => {
    const own = stateOf(index);
    for (const name of document.querySelectorAll(".state-name")) name.textContent = own.name;
    const guard = (column) => {
      const value = figure(own.guard[column], 1);
      const n = own.months[column];
      return n && n < 12 ? words.months.replace("{value}", value).replace("{n}", n) : value;
    };
    rows("state", data.state_years.map((year, column) => [
      String(year), guard(column), figure(own.jcf[column], 1), figure(own.beneficiaries[column], 0),
      figure(own.fasp[column], 1), figure(own.agreements[column], 1),
    ]).reverse());
  };

  const unknowns = (index) => {
    const list = data.gaps[data.gaps_of[index]];
    const item = ([span, labels]) => places.made("li", places.made("strong", `${span}:`), ` ${labels.join("; ")}`);
    part("unknown").replaceChildren(...(list.length ? list.map(item) : [places.made("li", words.nothing)]));
  };

  const children = (code) => {
    const inside = data.born.filter(([, , parent]) => parent === code).map(([, name, , date]) => `${name} (${date})`);
    part("folded").hidden = !inside.length;
    places.say(part("folded"), words.folded, { names: inside.join(", ") });
  };

  const show = (index) => {
    shown = index;
    document.title = `${data.names[index]} · ${title}`;
    part("name").replaceChildren(places.made("bdi", data.names[index]), ", ", stateOf(index).name);
    part("code").textContent = data.codes[index];
    children(data.codes[index]);
    years(index);
    peers(index);
    state(index);
    unknowns(index);
    part("card").hidden = false;
    draw(index);
  };

  const asked = () => {
    const text = location.hash.slice(1);
    try {
      return decodeURIComponent(text);
    } catch {
      return text; // a % that stands for itself
    }
  };

  const follow = () => {
    const text = asked();
    if (part(text)) return; // a part of the page, such as its main text
    const later = born.get(text);
    const index = at.get(later ? later.parent : text);
    part("told").replaceChildren();
    part("card").hidden = true;
    if (later) places.say(part("told"), words.born, { child: later.name, name: data.names[index], born: later.date });
    if (index !== undefined) return show(index);
    document.title = title;
    part("name").textContent = heading;
    if (text) places.say(part("told"), words.code, { text, example: data.codes[0] });
  };

  part("csv").addEventListener("click", () => {
    const code = data.codes[shown];
    const lines = data.years.map((year, column) =>
      [code, code.slice(0, 2), year, data.people[shown][column], data.homicides[shown][column], data.rates[shown][column]]
        .map((value) => value ?? "").join(","));
    const text = ["cvegeo,state,year,population,homicides,rate", ...lines, ""].join("\n");
    save(new Blob([text], { type: "text/csv;charset=utf-8" }), `balanza-${code}.csv`);
  });

  const known = places.entries(data.names, data.codes, stateNames, data.born);
  places.finder(part("find"), known, words, (entry) => {
    location.hash = entry.code ?? data.codes[entry.index];
  });
  window.addEventListener("hashchange", follow);
  part("scriptless").hidden = true;
  follow();
}
