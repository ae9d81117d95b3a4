// The map of home: a year, hover, search by name, municipalities or states. Without it the picture of the last year stays.
"use strict";
{
  const data = places.read("map-data");
  const { words } = data;
  const figure = document.getElementById("map");
  const controls = figure.querySelector(".controls");
  const slider = controls.querySelector("input[type=range]");
  const shownYear = controls.querySelector("output");
  const readout = figure.querySelector(".readout");
  const levels = { municipalities: data.municipalities, states: data.wholes };
  // A ring comes as its first point and the steps from point to point.
  const ring = (steps) => {
    const points = [];
    let [x, y] = [0, 0];
    for (let at = 0; at < steps.length; at += 2) points.push([(x += steps[at]), (y += steps[at + 1])]);
    return points;
  };
  const feature = (area, index, rates) => {
    const coordinates = area.map((part) => part.map(ring));
    return { type: "Feature", geometry: { type: "MultiPolygon", coordinates }, index, rates };
  };
  const features = Object.fromEntries(
    Object.entries(levels).map(([name, level]) => [
      name, data.shapes[name].map((shape, index) => feature(shape, index, level.rates[index])),
    ]),
  );
  let level = "municipalities";
  let year = data.years.length - 1;
  let chosen = null;

  const tell = (element, index) => {
    const of = levels[level];
    const inside = level === "municipalities";
    places.say(element, inside ? words.place : words.whole, {
      name: of.names[index],
      state: data.states[of.codes[index].slice(0, 2)],
      year: data.years[year],
      rate: places.number(of.rates[index][year], 1, words.unknown),
      homicides: places.number(of.homicides[index][year], 0, words.unknown),
      people: places.number(of.people[index][year], 0, words.unknown),
    });
  };
  const page = (index) => `municipality.html#${levels.municipalities.codes[index]}`;

  const read = () => {
    readout.replaceChildren();
    if (!chosen) return;
    const own = places.made("span");
    tell(own, chosen.index);
    if (chosen.child) {
      const told = places.made("span");
      places.say(told, words.born, { child: chosen.child, name: levels[level].names[chosen.index], born: chosen.date });
      readout.append(told, " ");
    }
    readout.append(own);
    if (level === "states") return;
    const link = places.made("a", words.open);
    link.href = page(chosen.index);
    readout.append(" ", link);
  };

  const datasets = { areas: features.municipalities, borders: features.states, chosen: [] };
  places.draw(figure.querySelector(".live"), data.spec, datasets, false).then((view) => {
    const hint = places.hint();
    const place = (item) => (item?.datum?.geometry && item.datum.index !== undefined ? item.datum.index : null);
    const show = (entry) => {
      chosen = entry;
      read();
      view.data("chosen", entry ? [features[level][entry.index]] : []);
      return view.runAsync();
    };
    const change = (name) => {
      if (name === level) return;
      level = name;
      controls.querySelector(`input[value=${name}]`).checked = true;
      view.data("areas", features[name]);
      show(null);
    };
    view.addEventListener("mousemove", (event, item) => {
      const index = place(item);
      if (index === null) return hint.hide();
      hint.show(event, (note) => tell(note, index));
    });
    figure.addEventListener("mouseleave", hint.hide);
    view.addEventListener("click", (event, item) => {
      const index = place(item);
      if (index === null) return;
      if (level === "municipalities" && event.pointerType === "mouse") location.href = page(index);
      else show({ index });
    });

    let waiting = false;
    const move = () => {
      year = Number(slider.value);
      shownYear.value = data.years[year];
      slider.setAttribute("aria-valuetext", data.years[year]);
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(async () => {
        waiting = false;
        read();
        await view.signal("year", year).runAsync();
      });
    };
    slider.max = data.years.length - 1;
    slider.value = year;
    slider.addEventListener("input", move);
    for (const radio of controls.querySelectorAll("input[type=radio]")) {
      radio.addEventListener("change", () => change(radio.value));
    }
    const known = places.entries(data.municipalities.names, data.municipalities.codes, data.states, data.born);
    places.finder(figure.querySelector("form"), known, words, (entry) => {
      change("municipalities");
      show(entry);
    });
    places.equip(figure, view, () => `balanza-${level}-${data.years[year]}`, true);
    move();
    figure.querySelector(".still").hidden = true;
    controls.hidden = false;
    figure.dataset.live = "true";
  });
}
