// A file's block map to scale: what is stored, the seal over it, and the layouts of each client. Works
// out what is drawn, and draws it; who looks where is mapview.js's.

import { count, exactly, many, offset as place, painted, shortened, svg } from "./draw.js";

const LANE = 24;
const GAP = 8;
const LABELS = 140;
const ABOVE = 18;
const OVERVIEW = 26;
const AXIS = 26;
// What is narrower is drawn together with its neighbours, in marks this wide that are hatched.
const APART_PIXELS = 2;
const MARK_PIXELS = 4;

const STATES = {
  data: "--data", unwritten: "--unwritten", shared: "--shared", delayed: "--delayed", inline: "--inline",
  encoded: "--inline", hole: "--hole", unknown: "--hole", sealed: "--seal", recalling: "--recall", fencing: "--fence",
};

const WORDS = {
  data: "stored", shared: "stored, shared with other files", delayed: "not stored yet", hole: "a hole: nothing is stored",
  unwritten: "allocated, not written", inline: "stored in the inode", unknown: "not asked for: too many pieces",
};

export const LEGEND = [
  ["stored", "data"], ["unwritten", "unwritten"], ["shared", "shared"], ["not stored yet", "delayed"], ["hole", "hole"],
  ["several, too small to draw apart", "merged"], ["sealed", "sealed"], ["being recalled", "recalling"],
  ["being fenced", "fencing"], ["client: reads and writes", "rw"], ["client: reads", "read"],
];

// ---------------------------------------------------------------- colours

const hues = new Map();

// One colour for each client for as long as the page is open, wherever it is drawn; as far apart in hue
// as they can be, and equally far from the paper in lightness.
export function clientColour(client) {
  if (!hues.has(client)) {
    hues.set(client, (255 + hues.size * 137.5) % 360);
  }
  return `oklch(var(--client-l) var(--client-c) ${hues.get(client)})`;
}

function stateColour(state) {
  return `var(${STATES[state] ?? "--data"})`;
}

export function legendMark(kind) {
  const mark = svg("svg", { viewBox: "0 0 20 12", "aria-hidden": "true" });
  const box = { x: 1, y: 1, width: 18, height: 10, rx: 2 };
  if (kind === "merged") {
    mark.append(hatch("legend"), painted(svg("rect", box), "var(--data)"), painted(svg("rect", box), "url(#hatch-legend)"));
  } else if (kind === "rw" || kind === "read") {
    mark.append(layoutMark(svg("rect", box), "oklch(var(--client-l) var(--client-c) 255)", kind, "granted"));
  } else {
    mark.append(painted(svg("rect", { ...box, class: kind }), stateColour(kind)));
  }
  return mark;
}

function hatch(id) {
  return svg("defs", {}, svg("pattern", { id: "hatch-" + id, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 1.6, height: 4, class: "hatch" })));
}

// Who only reads has an outline with little in it: told apart without colours too.
function layoutMark(rect, colour, mode, state) {
  rect.style.fill = colour;
  rect.style.stroke = state === "granted" ? colour : stateColour(state === "fencing" ? "fencing" : "recalling");
  rect.setAttribute("class", `layout ${mode === "rw" ? "writes" : "reads"} ${state === "granted" ? "" : "alarm"}`);
  return rect;
}

// ---------------------------------------------------------------- what there is

export function sealState(seal) {
  if (seal.state === "fencing") {
    return "fencing";
  }
  return seal.state === "recalling" || seal.seal === "breaking" ? "recalling" : "sealed";
}

function storedItems(file) {
  const items = [];
  let at = 0;
  for (const extent of file.extents) {
    if (extent.offset > at) {
      items.push({ from: at, to: extent.offset, state: "hole" });
    }
    at = extent.offset + extent.length;
    items.push({ from: extent.offset, to: at, state: extent.state, physical: extent.physical });
  }
  if (at < file.map.sizeBytes) {
    items.push({ from: at, to: file.map.sizeBytes, state: file.map.truncated ? "unknown" : "hole" });
  }
  return items;
}

// All lanes of a file, whatever part of it is looked at: [{key, name, title, client, items}].
export function lanesOf(file, owners) {
  const size = file.map.sizeBytes;
  const lanes = [{ key: "stored", name: "stored", title: "What is stored", items: storedItems(file) }];
  if (file.seal) {
    lanes.push({ key: "seal", name: "seal", title: "The seal",
      items: [{ from: 0, to: size, state: sealState(file.seal), seal: file.seal }] });
  }
  const byClient = new Map();
  for (const layout of file.layouts) {
    const item = { from: layout.offset, to: Math.min(layout.offset + layout.length, size), state: layout.state, layout };
    if (!byClient.has(layout.client)) {
      byClient.set(layout.client, []);
    }
    byClient.get(layout.client).push(item);
  }
  for (const [client, items] of byClient) {
    const owner = owners.get(client) || client;
    items.sort((one, other) => one.from - other.from);
    lanes.push({ key: client, client, name: owner, title: `Layouts of ${owner}`, items });
  }
  return lanes;
}

// What is drawn of it: items that are too narrow to be seen become one mark with their neighbours, so
// that nothing is lost and there is never more to draw than there are pixels.
export function drawn(items, view, scale) {
  const out = [];
  let mark = null;
  for (const item of items) {
    if (item.to <= view.from || item.from >= view.to) {
      continue;
    }
    if ((item.to - item.from) * scale >= APART_PIXELS) {
      mark = null;
      out.push({ from: item.from, to: item.to, items: [item] });
    } else if (mark && (item.to - mark.from) * scale < MARK_PIXELS) {
      mark.to = Math.max(mark.to, item.to);
      mark.items.push(item);
    } else {
      mark = { from: item.from, to: item.to, items: [item] };
      out.push(mark);
    }
  }
  return out;
}

// The item of a mark that has most of its bytes gives it its colour.
function chief(mark) {
  const sizes = new Map();
  for (const item of mark.items) {
    if (item.state !== "hole" || mark.items.length === 1) {
      sizes.set(item.state, (sizes.get(item.state) ?? 0) + item.to - item.from);
    }
  }
  const state = [...sizes].sort((one, other) => other[1] - one[1])[0]?.[0] ?? "hole";
  return mark.items.find((item) => item.state === state);
}

// ---------------------------------------------------------------- in words

function range(part) {
  return `${place(part.from)} to ${place(part.to)}`;
}

export function inWords(lane, mark) {
  if (mark.items.length > 1) {
    return `${lane.name}: ${many(mark.items.length, "piece")} too small to draw apart, ${range(mark)}`;
  }
  const [item] = mark.items;
  if (item.layout) {
    return `${lane.name}: ${item.layout.mode === "rw" ? "reads and writes" : "reads"}, ${item.state}, ${range(item)}`;
  }
  return `${item.seal ? "seal" : "block map"}: ${WORDS[item.state] ?? item.state}, ${range(item)}`;
}

// Everything of it, as [term, text].
export function facts(lane, mark) {
  const rows = [["From", exactly(mark.from)], ["To", exactly(mark.to)], ["Length", exactly(mark.to - mark.from)]];
  if (mark.items.length > 1) {
    const states = new Map();
    mark.items.forEach((item) => states.set(item.state, (states.get(item.state) ?? 0) + 1));
    return [["Pieces", [...states].map(([state, number]) => `${count(number)} × ${state === "data" ? "stored" : state}`).join("; ")], ...rows];
  }
  const [item] = mark.items;
  if (item.layout) {
    const { layout } = item;
    return [["Client", `${lane.name}, ${layout.client}`], ["May", layout.mode === "rw" ? "read and write" : "read"],
      ["State", layout.state], ...rows, ["Type", layout.type], ["Handles", String(layout.handles)],
      ["Holes", String(layout.holes)], ["Stateid", layout.stateid], ...recallFacts(layout.recall)];
  }
  if (item.seal) {
    const { seal } = item;
    return [["State", seal.state], ["Kernel lease", `${seal.mode ?? "none"}, ${seal.seal}`], ...rows,
      ["Clients", String(seal.clients)], ["Handles", String(seal.handles)], ["Delegations", String(seal.delegations)],
      ["The mapping is the storage", seal.exact ? "yes" : "no"], ...recallFacts(seal.recall)];
  }
  return [["State", WORDS[item.state] ?? item.state], ...rows,
    ...(item.state === "hole" || item.state === "unknown" ? []
      : [["On the device at", item.physical === null ? "no place of its own" : exactly(item.physical)]])];
}

function recallFacts(recall) {
  return recall ? [["Recall", `#${recall.id}, ${recall.cause.replaceAll("_", " ")}`]] : [];
}

// ---------------------------------------------------------------- to scale

export function tick(span, most) {
  let step = 1;
  while (span / step > most) {
    step *= 2;
  }
  return step;
}

export function scaleOf(width, view) {
  const labels = width < 560 ? 0 : LABELS;
  return { labels, inner: width - labels - 2, scale: (width - labels - 2) / Math.max(1, view.to - view.from) };
}

function bars(lane, marks, x, top, view, cursor) {
  const group = svg("g", {});
  for (const mark of marks) {
    const item = chief(mark);
    const left = x(Math.max(mark.from, view.from));
    const width = Math.max(mark.items.length > 1 || x(mark.to) - left < APART_PIXELS ? MARK_PIXELS - 1 : 1,
      x(Math.min(mark.to, view.to)) - left);
    const box = { x: left, y: top, width, height: LANE, rx: width > 8 ? 3 : 0 };
    const at = { "data-lane": lane.key, "data-at": mark.from };
    const bar = item.layout
      ? layoutMark(svg("rect", { ...box, ...at }), clientColour(lane.client), item.layout.mode, item.state)
      : painted(svg("rect", { ...box, ...at, class: "bar " + item.state }), stateColour(item.state));
    bar.append(svg("title", {}, inWords(lane, mark)));
    group.append(bar);
    if (mark.items.length > 1) {
      group.append(painted(svg("rect", { ...box, class: "merged" }), "url(#hatch-map)"));
    }
    if (cursor && cursor.lane === lane.key && cursor.at >= mark.from && cursor.at < Math.max(mark.to, mark.from + 1)) {
      group.append(svg("rect", { x: left - 2.5, y: top - 2.5, width: width + 5, height: LANE + 5, rx: 4, class: "cursor" }));
    }
  }
  return group;
}

// The whole file with a window where the view is, when it is not all of it.
function overview(lane, size, view, inner, labels) {
  const scale = inner / size;
  const x = (at) => labels + 1 + at * scale;
  const strip = svg("g", { "data-overview": "" });
  strip.append(svg("rect", { x: labels + 1, y: 2, width: inner, height: 10, rx: 2, class: "hole" }));
  for (const mark of drawn(lane.items, { from: 0, to: size }, scale)) {
    const item = chief(mark);
    if (item.state !== "hole") {
      strip.append(painted(svg("rect", { x: x(mark.from), y: 2, width: Math.max(1, x(Math.min(mark.to, size)) - x(mark.from)), height: 10 }),
        stateColour(item.state)));
    }
  }
  strip.append(svg("rect", {
    x: x(view.from) - 1, y: .5, width: Math.max(5, x(view.to) - x(view.from) + 2), height: 13, rx: 3, class: "window",
  }));
  if (labels) {
    strip.append(svg("text", { x: 0, y: 12, class: "quiet" }, "whole file"));
  }
  return strip;
}

function axis(x, y, view, width, inner) {
  const group = svg("g", {}, svg("line", { x1: x(view.from), x2: x(view.to), y1: y + .5, y2: y + .5, class: "axis" }));
  const unit = tick(view.to - view.from, Math.max(2, Math.floor(inner / 96)));
  for (let at = Math.ceil(view.from / unit) * unit; at <= view.to; at += unit) {
    const anchor = x(at) > width - 40 ? "end" : x(at) < x(view.from) + 20 ? "start" : "middle";
    group.append(svg("line", { x1: x(at), x2: x(at), y1: y, y2: y + 6, class: "axis" }),
      svg("text", { x: x(at), y: y + 19, "text-anchor": anchor, class: "quiet" }, place(at)));
  }
  return group;
}

// view: {from, to} in bytes; cursor: {lane, at} or null. Answers the picture, and what is in it lane by
// lane, for who walks through it.
export function draw(width, lanes, size, view, cursor) {
  const { labels, inner, scale } = scaleOf(width, view);
  const x = (at) => labels + 1 + (at - view.from) * scale;
  const whole = view.from <= 0 && view.to >= size;
  const step = LANE + GAP + (labels ? 0 : ABOVE);
  const height = (whole ? 4 : OVERVIEW) + lanes.length * step + AXIS;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, hatch("map"));
  if (!whole) {
    picture.append(overview(lanes[0], size, view, inner, labels));
  }
  let y = whole ? 4 : OVERVIEW;
  const model = [];
  for (const lane of lanes) {
    const marks = drawn(lane.items, view, scale);
    const top = labels ? y : y + ABOVE;
    const label = svg("text", labels ? { x: 16, y: top + 16 } : { x: 16, y: y + 13 }, shortened(lane.name, labels ? 16 : 44));
    label.append(svg("title", {}, lane.title));
    picture.append(label, painted(svg("circle", { cx: 6, cy: (labels ? top + 12 : y + 9), r: 4.5 }),
      lane.client ? clientColour(lane.client) : lane.key === "seal" ? stateColour(lane.items[0].state) : "var(--data)"));
    picture.append(bars(lane, marks, x, top, view, cursor));
    model.push({ lane, marks });
    y += step;
  }
  picture.append(axis(x, y, view, width, inner));
  return { picture, model };
}
