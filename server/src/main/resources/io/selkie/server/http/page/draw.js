// Elements, and numbers as people read them.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") {
      made.className = value;
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children);
  return made;
}

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return (Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)) + " " + UNITS[unit];
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

// Columns: [heading, row => text or element, class].
export function table(columns, rows, caption) {
  const head = element("tr");
  for (const [name, , kind] of columns) {
    head.append(element("th", { scope: "col", class: kind ?? "" }, name));
  }
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr");
    for (const [name, value, kind] of columns) {
      line.append(element("td", { class: kind ?? "", "data-name": name }, value(row)));
    }
    body.append(line);
  }
  return element("table", { "aria-label": caption }, element("thead", {}, head), body);
}
