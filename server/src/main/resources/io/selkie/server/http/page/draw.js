// Elements, and numbers as people read them.

export function element(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) {
      made.setAttribute(key, value);
    }
  }
  made.append(...children);
  return made;
}

// Through the style object, not the attribute: the page's own policy forbids inline styles.
export function painted(made, fill) {
  made.style.fill = fill;
  return made;
}

// A dot in a colour, which says nothing that the text beside it does not say.
export function dot(colour) {
  return svg("svg", { viewBox: "0 0 10 10", class: "dot", "aria-hidden": "true" },
    painted(svg("circle", { cx: 5, cy: 5, r: 5 }), colour));
}

// Changes the text only where it is another one: a live region is not read again for nothing.
export function say(place, text) {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

// One element for each row, kept while its signature stays: what has the focus, is open or is scrolled
// stays so when something else changes.
export function keyed(place, rows, keyOf, signatureOf, make) {
  const before = new Map([...place.children].map((each) => [each.dataset.key, each]));
  const wanted = rows.map((row) => {
    const old = before.get(keyOf(row));
    if (old && old.dataset.signature === signatureOf(row)) {
      return old;
    }
    const made = make(row, old);
    made.dataset.key = keyOf(row);
    made.dataset.signature = signatureOf(row);
    if (old && old.contains(document.activeElement)) {
      queueMicrotask(() => made.querySelector("summary, button")?.focus());
    }
    return made;
  });
  if (wanted.length !== place.children.length || wanted.some((each, at) => place.children[at] !== each)) {
    const focused = document.activeElement;
    place.replaceChildren(...wanted);
    if (place.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return (Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)) + " " + UNITS[unit];
}

// A place in a file, to the byte: in the largest unit that shows all of it.
export function offset(at) {
  for (let unit = UNITS.length - 1; unit > 0; unit--) {
    const value = at / 1024 ** unit;
    if (value >= 1 && Number.isInteger(value * 4)) {
      return `${count(value)} ${UNITS[unit]}`;
    }
  }
  return `${count(at)} B`;
}

// A place as near as a hundredth of what is looked at tells it apart from others.
export function about(at, span) {
  let unit = UNITS.length - 1;
  while (unit > 0 && at < 1024 ** unit) {
    unit--;
  }
  const digits = Math.max(0, Math.ceil(Math.log10((100 * 1024 ** unit) / span)));
  return digits > 3 ? offset(at) : `${count(Number((at / 1024 ** unit).toFixed(digits)))} ${UNITS[unit]}`;
}

export function count(value) {
  return value.toLocaleString("en");
}

// The same to the byte where the short form is not.
export function exactly(value) {
  return value < 1024 ? bytes(value) : `${bytes(value)} (${count(value)} B)`;
}

export function many(value, one, more = one + "s") {
  return value === 1 ? `1 ${one}` : `${count(value)} ${more}`;
}

export function micros(value) {
  if (value < 1000) {
    return value + " µs";
  }
  if (value < 1000000) {
    return +(value / 1000).toPrecision(3) + " ms";
  }
  return +(value / 1000000).toPrecision(3) + " s";
}

export function seconds(value) {
  if (value < 120) {
    return value + " s";
  }
  if (value < 7200) {
    return Math.floor(value / 60) + " min";
  }
  return value < 172800 ? Math.floor(value / 3600) + " h" : Math.floor(value / 86400) + " days";
}

// Of a client's name its last word, which is the host's, without its domain when there is no room for it.
export function shortened(name, most) {
  let word = name.split(/[\s@/]+/).filter((each) => each).at(-1) ?? name;
  if (word.length > most && /^[^.\d][^.]*\./.test(word)) {
    word = word.slice(0, word.indexOf("."));
  }
  return word.length <= most ? word : word.slice(0, most - 1) + "…";
}

// Columns: [heading, row => text or element, class]. The roles are said too, as a table that is drawn
// as blocks on a narrow screen is none for a screen reader otherwise.
export function table(columns, rows, caption) {
  const head = element("tr", { role: "row" }, ...columns.map(([name, , kind]) =>
    element("th", { scope: "col", role: "columnheader", class: kind }, name)));
  const body = element("tbody", { role: "rowgroup" }, ...rows.map((row) =>
    element("tr", { role: "row" }, ...columns.map(([name, value, kind]) =>
      element("td", { role: "cell", class: kind, "data-name": name }, value(row))))));
  return element("table", { role: "table", "aria-label": caption },
    element("thead", { role: "rowgroup" }, head), body);
}
