// Which part of a file's block map is looked at, and what of it is pointed to: by keys, mouse or finger.

import { draw, facts, inWords, lanesOf, scaleOf } from "./blockmap.js";
import { about, bytes, count, element, many, offset, say, table } from "./draw.js";

const CLIENTS_MAX = 10;
const TABLE_ROWS_MAX = 500;
const SPAN_MIN = 64;
const WIDTH_MIN = 260;

const byId = (id) => document.getElementById(id);

let file = null;
let lanes = [];
let view = null;
let cursor = null;
let detailed = false;
let everybody = false;
let model = [];
let dragged = null;

// ---------------------------------------------------------------- what is shown

// owners: of a client's id, its name. A file that is another one than before is shown as a whole.
export function showFile(next, owners) {
  if (!file || !next || file.map.file !== next.map.file) {
    view = null;
    cursor = null;
    detailed = false;
    everybody = false;
  }
  file = next;
  lanes = file ? lanesOf(file, owners) : [];
  for (const id of ["map", "legend", "map-details", "map-range", "map-keys", "map-buttons"]) {
    byId(id).hidden = !file;
  }
  redraw();
}

function size() {
  return Math.max(1, file.map.sizeBytes);
}

function width() {
  return Math.max(WIDTH_MIN, byId("map").clientWidth);
}

export function redraw() {
  if (!file) {
    byId("map").replaceChildren();
    byId("detail").hidden = true;
    byId("more-clients").hidden = true;
    return;
  }
  // A view of the whole file stays one when the file grows.
  if (!view || view.to > size()) {
    view = { from: 0, to: size(), whole: true };
  } else if (view.whole) {
    view.to = size();
  }
  const clients = lanes.filter((lane) => lane.client);
  const shown = lanes.filter((lane) => !lane.client || everybody || clients.indexOf(lane) < CLIENTS_MAX);
  const result = draw(width(), shown, size(), view, cursor);
  model = result.model;
  byId("map").replaceChildren(result.picture);
  byId("map").setAttribute("aria-label", `Block map of ${file.map.path}: ${bytes(file.map.sizeBytes)} in `
    + `${many(file.extents.length, "stored piece")}, ${file.seal ? "sealed" : "not sealed"}, `
    + `${many(file.layouts.length, "layout")} of ${many(clients.length, "client")}`);
  const more = clients.length - CLIENTS_MAX;
  byId("more-clients").hidden = more <= 0;
  say(byId("more-clients"), everybody ? "Show fewer clients" : `Show ${many(more, "more client")}`);
  scale();
  detail();
  if (byId("map-details").open) {
    asTable();
  }
}

function scale() {
  const perPixel = 1 / scaleOf(width(), view).scale;
  const zoom = size() / (view.to - view.from);
  say(byId("map-range"), `${about(view.from, view.to - view.from)} to ${about(view.to, view.to - view.from)}`
    + (zoom > 1.001 ? `, ${zoom < 10 ? zoom.toFixed(1) : count(Math.round(zoom))} times as near` : ", all of it")
    + `; one pixel is ${perPixel < 1 ? "less than a byte" : bytes(Math.round(perPixel))}`);
  byId("zoom-out").setAttribute("aria-disabled", String(Boolean(view.whole)));
  byId("zoom-all").setAttribute("aria-disabled", String(Boolean(view.whole)));
  byId("pan-left").setAttribute("aria-disabled", String(view.from <= 0));
  byId("pan-right").setAttribute("aria-disabled", String(view.to >= size()));
}

function pointed() {
  const row = cursor && model.find((each) => each.lane.key === cursor.lane);
  const mark = row?.marks.find((each) => cursor.at >= each.from && cursor.at < Math.max(each.to, each.from + 1));
  return mark ? { lane: row.lane, marks: row.marks, mark } : null;
}

function detail() {
  const found = detailed ? pointed() : null;
  byId("detail").hidden = !found;
  if (!found) {
    return;
  }
  say(byId("detail-name"), found.mark.items.length > 1 ? `${found.lane.title}: ${many(found.mark.items.length, "piece")}` : found.lane.title);
  byId("detail-facts").replaceChildren(...facts(found.lane, found.mark).map(([term, text]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, text))));
}

export function asTable() {
  if (!file) {
    return;
  }
  const some = (rows) => rows.slice(0, TABLE_ROWS_MAX);
  const left = Math.max(0, file.extents.length - TABLE_ROWS_MAX) + Math.max(0, file.layouts.length - TABLE_ROWS_MAX);
  byId("map-table").replaceChildren(
    table([
      ["From", (row) => offset(row.offset), "number"], ["Length", (row) => bytes(row.length), "number"],
      ["State", (row) => row.state],
      ["On the device", (row) => (row.physical === null ? "–" : offset(row.physical)), "number"],
    ], some(file.extents), "What is stored"),
    table([
      ["Client", (row) => row.client, "id"], ["Mode", (row) => row.mode], ["State", (row) => row.state],
      ["From", (row) => offset(row.offset), "number"], ["Length", (row) => bytes(row.length), "number"],
    ], some(file.layouts), "Layouts"),
    ...(left > 0 ? [element("p", { class: "none" }, `${count(left)} more rows: selkie ctl show ${file.map.file}`)] : []));
}

// ---------------------------------------------------------------- nearer, farther, along

function look(from, span) {
  const length = Math.min(size(), Math.max(SPAN_MIN, span));
  const begin = Math.min(Math.max(0, from), size() - length);
  view = { from: Math.floor(begin), to: Math.min(size(), Math.ceil(begin + length)) };
  view.whole = view.from === 0 && view.to === size();
  redraw();
}

// Round about what is pointed to, if it can be seen, else round about the middle.
function zoom(factor, about) {
  const found = pointed();
  const span = view.to - view.from;
  const seen = found && Math.min(view.to, Math.max(view.from, (found.mark.from + found.mark.to) / 2));
  const centre = about ?? seen ?? view.from + span / 2;
  look(centre - (centre - view.from) * factor, span * factor);
}

function pan(share) {
  const span = view.to - view.from;
  look(view.from + span * share, span);
}

function zoomTo(mark) {
  const span = Math.max(1, mark.to - mark.from);
  look(mark.from - span * 0.1, span * 1.2);
}

// ---------------------------------------------------------------- the piece that is pointed to

// goal: the place in the file that is kept on the way from lane to lane.
function point(lane, mark, goal = (Math.max(view.from, mark.from) + Math.min(view.to, mark.to)) / 2) {
  cursor = { lane: lane.key, at: Math.max(mark.from, Math.min(view.from, mark.to - 1)), goal };
  redraw();
  say(byId("map-said"), inWords(lane, mark));
}

function first() {
  const row = model.find((each) => each.marks.length > 0);
  if (row) {
    point(row.lane, row.marks[0]);
  }
}

function along(by) {
  const found = pointed();
  if (!found) {
    first();
    return;
  }
  const next = found.marks[found.marks.indexOf(found.mark) + by];
  if (next) {
    point(found.lane, next);
    return;
  }
  const more = by > 0 ? view.to < size() : view.from > 0;
  if (!more) {
    return;
  }
  // On, where the file goes on: what comes into sight next.
  const edge = by > 0 ? view.to : view.from - 1;
  pan(by * 0.5);
  const row = model.find((each) => each.lane.key === found.lane.key);
  const mark = row?.marks.find((each) => each.from <= edge && each.to > edge) ?? row?.marks.at(by > 0 ? -1 : 0);
  if (mark) {
    point(row.lane, mark);
  }
}

function across(by) {
  const found = pointed();
  if (!found) {
    first();
    return;
  }
  const { goal } = cursor;
  const far = (mark) => Math.max(mark.from - goal, goal - mark.to, 0);
  let at = model.findIndex((each) => each.lane.key === found.lane.key) + by;
  while (model[at] && model[at].marks.length === 0) {
    at += by;
  }
  if (model[at]) {
    const nearest = model[at].marks.reduce((one, other) => (far(other) < far(one) ? other : one));
    point(model[at].lane, nearest, goal);
  }
}

function ends(last) {
  const found = pointed();
  if (!found) {
    first();
  } else {
    point(found.lane, found.marks.at(last ? -1 : 0));
  }
}

function open() {
  if (!pointed()) {
    first();
  }
  detailed = pointed() !== null;
  detail();
}

function shut() {
  detailed = false;
  detail();
}

// ---------------------------------------------------------------- keys, mouse, finger

const KEYS = {
  "ArrowLeft": () => along(-1), "ArrowRight": () => along(1), "ArrowUp": () => across(-1), "ArrowDown": () => across(1),
  "Shift+ArrowLeft": () => pan(-0.25), "Shift+ArrowRight": () => pan(0.25), "PageUp": () => pan(-1), "PageDown": () => pan(1),
  "Home": () => ends(false), "End": () => ends(true), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
  "0": () => look(0, size()), "Enter": open, " ": open, "Escape": shut,
};

function onKey(event) {
  // What the browser and the desktop have keys for stays theirs; Tab always leaves.
  if (!file || event.ctrlKey || event.altKey || event.metaKey) {
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  const action = KEYS[(event.shiftKey && arrow ? "Shift+" : "") + event.key];
  if (action) {
    event.preventDefault();
    action();
  }
}

function offsetAt(event) {
  const { labels, scale: pixels } = scaleOf(width(), view);
  return view.from + (event.clientX - byId("map").getBoundingClientRect().left - labels - 1) / pixels;
}

function onDown(event) {
  if (file && event.button === 0) {
    dragged = { x: event.clientX, view, moved: false };
  }
}

function onMove(event) {
  if (!dragged) {
    return;
  }
  const far = event.clientX - dragged.x;
  if (!dragged.moved && Math.abs(far) > 4) {
    dragged.moved = true;
    byId("map").setPointerCapture(event.pointerId);
  }
  if (dragged.moved && !dragged.view.whole) {
    look(dragged.view.from - far / scaleOf(width(), view).scale, dragged.view.to - dragged.view.from);
  }
}

function onUp(event) {
  const drag = dragged;
  dragged = null;
  if (!drag || drag.moved || event.type === "pointercancel") {
    return;
  }
  if (event.target.closest?.("[data-overview]")) {
    const { labels, inner } = scaleOf(width(), view);
    const share = (event.clientX - byId("map").getBoundingClientRect().left - labels - 1) / inner;
    const span = view.to - view.from;
    look(share * size() - span / 2, span);
    return;
  }
  const { lane, at } = event.target.dataset ?? {};
  const row = lane && model.find((each) => each.lane.key === lane);
  const mark = row?.marks.find((each) => String(each.from) === at);
  if (mark) {
    point(row.lane, mark);
    open();
  }
}

export function listenToMap() {
  const map = byId("map");
  map.addEventListener("keydown", onKey);
  map.addEventListener("pointerdown", onDown);
  map.addEventListener("pointermove", onMove);
  map.addEventListener("pointerup", onUp);
  map.addEventListener("pointercancel", onUp);
  map.addEventListener("dblclick", (event) => file && zoom(0.5, offsetAt(event)));
  // A bare wheel scrolls the page; with Ctrl, and by two fingers, it zooms.
  map.addEventListener("wheel", (event) => {
    if (file && event.ctrlKey) {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 0.8 : 1.25, offsetAt(event));
    }
  }, { passive: false });
  // Not by "disabled": a button that is pressed by key would lose the focus at the end of its way.
  const press = (id, action) => byId(id).addEventListener("click", (event) => {
    if (file && event.currentTarget.getAttribute("aria-disabled") !== "true") {
      action();
    }
  });
  press("zoom-in", () => zoom(0.5));
  press("zoom-out", () => zoom(2));
  press("pan-left", () => pan(-0.4));
  press("pan-right", () => pan(0.4));
  press("zoom-all", () => look(0, size()));
  press("detail-zoom", () => pointed() && zoomTo(pointed().mark));
  press("detail-close", () => {
    shut();
    byId("map").focus();
  });
  press("more-clients", () => {
    everybody = !everybody;
    redraw();
  });
  byId("detail").addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      shut();
      byId("map").focus();
    }
  });
  byId("map-details").addEventListener("toggle", () => byId("map-details").open && asTable());
  // Its height is ours to change, and no reason to draw again.
  let before = 0;
  new ResizeObserver(() => {
    if (map.clientWidth !== before) {
      before = map.clientWidth;
      redraw();
    }
  }).observe(map);
}
