// A file's block map to scale: what is stored, the seal over it, and the layouts of each client.

import { bytes, element, svg, table } from "./draw.js";

const LANE = 22;
const GAP = 8;
const LABELS = 96;
const LANES_MAX = 12;
const COLOURS = {
  data: "--data", unwritten: "--unwritten", shared: "--shared", delayed: "--delayed",
  inline: "--inline", encoded: "--inline",
};

export const LEGEND = [
  ["stored", "--data"], ["unwritten", "--unwritten"], ["shared with other files", "--shared"],
  ["not stored yet", "--delayed"], ["sealed", "--seal"], ["being recalled", "--recall"],
  ["being fenced", "--fence"],
];

// One colour for each client, the same wherever it is drawn; apart in hue as far as they can be.
export function clientColour(client, clients) {
  const place = Math.max(0, clients.indexOf(client));
  return `hsl(${(205 + place * 137.5) % 360} 55% 50%)`;
}

function colour(name) {
  return `var(${name})`;
}

export function sealColour(seal) {
  if (seal.state === "recalling" || seal.seal === "breaking") {
    return "--recall";
  }
  return seal.state === "fencing" ? "--fence" : "--seal";
}

// What is drawn of what there is: neighbours that would share a pixel become one.
function merged(extents, scale) {
  const out = [];
  for (const extent of extents) {
    const last = out.at(-1);
    if (last && last.state === extent.state && (extent.offset - last.end) * scale < 0.5) {
      last.end = extent.offset + extent.length;
      last.count++;
    } else {
      out.push({ ...extent, end: extent.offset + extent.length, count: 1 });
    }
  }
  return out;
}

export function tick(span, most) {
  let step = 1;
  while (span / step > most) {
    step *= step >= 4096 ? 2 : 4;
  }
  return step;
}

// view: {from, to} in bytes.
export function draw(place, file, view, clients) {
  const width = Math.max(280, place.clientWidth);
  const labels = width < 520 ? 0 : LABELS;
  const inner = width - labels - 2;
  const span = Math.max(1, view.to - view.from);
  const scale = inner / span;
  const x = (offset) => labels + 1 + (Math.min(Math.max(offset, view.from), view.to) - view.from) * scale;
  const holders = [...new Set(file.layouts.map((layout) => layout.client))];
  const shown = holders.slice(0, LANES_MAX);
  const step = labels ? LANE + GAP : LANE + GAP + 16;
  const lanes = 1 + (file.seal ? 1 : 0) + shown.length;
  const height = lanes * step + 28;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-label": `${file.map.path}: ${bytes(file.map.sizeBytes)} in ${file.extents.length} pieces, `
      + `${file.seal ? "sealed" : "not sealed"}, ${file.layouts.length} layouts of ${holders.length} clients`,
  });
  let y = 0;
  const lane = (name) => {
    const top = labels ? y : y + 16;
    picture.append(svg("text", labels
      ? { x: 0, y: top + 15, class: "quiet" } : { x: 1, y: y + 12, class: "quiet" }, name));
    y += step;
    return top;
  };
  const bar = (top, from, to, fill, title, extra = {}) => {
    if (to <= view.from || from >= view.to) {
      return;
    }
    const left = x(from);
    const rect = svg("rect", { x: left, y: top, width: Math.max(1.5, x(to) - left), height: LANE, ...extra });
    rect.style.fill = fill;
    rect.append(svg("title", {}, title));
    picture.append(rect);
  };
  const range = (from, to) => `${bytes(from)} to ${bytes(to)}`;

  const stored = lane("stored");
  picture.append(svg("rect", {
    x: x(view.from), y: stored + .5, width: Math.max(1, x(Math.min(view.to, file.map.sizeBytes)) - x(view.from)),
    height: LANE - 1, class: "hole",
  }));
  for (const extent of merged(file.extents, scale)) {
    const where = extent.physical === null || extent.count > 1 ? "" : `, on the device at ${bytes(extent.physical)}`;
    bar(stored, extent.offset, extent.end, colour(COLOURS[extent.state] ?? "--data"),
      `${extent.state}, ${range(extent.offset, extent.end)}${where}`
        + (extent.count > 1 ? `, ${extent.count} pieces` : ""),
      { "stroke-width": 1, stroke: "var(--card)" });
  }
  if (file.seal) {
    bar(lane("seal"), 0, file.map.sizeBytes, colour(sealColour(file.seal)),
      `${file.seal.state}, ${file.seal.mode ?? ""}`);
  }
  for (const client of shown) {
    const top = lane(client.slice(-8));
    for (const layout of file.layouts.filter((each) => each.client === client)) {
      const alarm = layout.state === "granted" ? {} : {
        stroke: colour(layout.state === "fencing" ? "--fence" : "--recall"), "stroke-width": 3,
      };
      bar(top, layout.offset, Math.min(layout.offset + layout.length, file.map.sizeBytes),
        clientColour(client, clients),
        `${client}: ${layout.mode}, ${layout.state}, ${range(layout.offset, layout.offset + layout.length)}`,
        { ...alarm, "fill-opacity": layout.mode === "rw" ? 1 : 0.45 });
    }
  }
  picture.append(svg("line", { x1: x(view.from), x2: x(view.to), y1: y + .5, y2: y + .5, class: "axis" }));
  const unit = tick(span, Math.max(2, Math.floor(inner / 90)));
  for (let at = Math.ceil(view.from / unit) * unit; at <= view.to; at += unit) {
    const anchor = x(at) > width - 60 ? "end" : at === view.from ? "start" : "middle";
    picture.append(
      svg("line", { x1: x(at), x2: x(at), y1: y, y2: y + 5, class: "axis" }),
      svg("text", { x: x(at), y: y + 18, "text-anchor": anchor, class: "quiet" }, bytes(at)));
  }
  place.replaceChildren(picture);
  if (holders.length > shown.length) {
    place.append(element("p", { class: "none" }, `and ${holders.length - shown.length} more clients`));
  }
}

export function asTable(place, file) {
  place.replaceChildren(
    table([
      ["From", (row) => bytes(row.offset), "number"], ["Length", (row) => bytes(row.length), "number"],
      ["State", (row) => row.state],
      ["On the device", (row) => (row.physical === null ? "–" : bytes(row.physical)), "number"],
    ], file.extents.slice(0, 500), "What is stored"),
    table([
      ["Client", (row) => row.client, "id"], ["Mode", (row) => row.mode], ["State", (row) => row.state],
      ["From", (row) => bytes(row.offset), "number"], ["Length", (row) => bytes(row.length), "number"],
    ], file.layouts.slice(0, 500), "Layouts"));
}
