// The page: asks for everything once, then again when the server says that something happened.

import { get, listen, Refused, setToken } from "./api.js";
import { asTable, clientColour, draw, LEGEND } from "./blockmap.js";
import { latencies, recalls } from "./charts.js";
import { bytes, element, seconds, svg, table } from "./draw.js";

const AT_MOST = 2000;
const PAUSE_MILLIS = 500;
const IDLE_MILLIS = 10000;
const AGAIN_MILLIS = 3000;

const byId = (id) => document.getElementById(id);
let chosen = new URLSearchParams(location.hash.slice(1)).get("file") ?? "";
let file = null;
let view = null;
let clients = [];
let busy = false;
let again = false;

function legend() {
  byId("legend").replaceChildren(...LEGEND.map(([name, colour]) => {
    const rect = svg("rect", { width: 16, height: 12 });
    rect.style.fill = `var(${colour})`;
    return element("li", {}, svg("svg", { viewBox: "0 0 16 12", "aria-hidden": "true" }, rect), name);
  }), element("li", {}, "full colour: read and write; pale: read only; outline: hole"));
}

function numbers(status) {
  byId("server").textContent = `${status.version}, ${status.state}, up ${seconds(status.uptimeSeconds)}`
    + (status.inGrace ? `, grace period: ${status.clientsToReclaim} clients to come` : "");
  const all = [
    ["Clients", status.clients], ["Opens", status.opens], ["Layouts", status.layouts], ["Seals", status.seals],
    ["Delegations", status.delegations], ["Locks", status.locks], ["Queue pairs", status.queuePairs],
    ["Heap", bytes(status.heapUsedBytes)],
  ];
  byId("numbers").replaceChildren(...all.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value.toLocaleString("en")))));
}

function exportsAndClients(exports, rows, devices) {
  const rdma = devices.filter((device) => device.kind === "rdma");
  byId("exports").replaceChildren(table([
    ["Name", (row) => row.name], ["Path", (row) => row.path], ["File system", (row) => row.fileSystem],
    ["DAX", (row) => element("span", { class: row.dax === "always" ? "good" : "" }, row.dax)],
    ["RDMA", (row) => element("span", { class: row.direct ? "good" : "" },
      row.direct ? rdma.map((each) => each.provider + " " + each.address).join(", ") : "off")],
    ["Access", (row) => (row.readOnly ? "read only" : "read and write")],
    ["Failures", (row) => element("span", { class: row.troubles ? "bad" : "" }, row.troubles), "number"],
  ], exports, "Exports"));
  if (rows.length === 0) {
    byId("clients").replaceChildren(element("p", { class: "none" }, "Nobody is here."));
    return;
  }
  byId("clients").replaceChildren(table([
    ["Client", (row) => {
      const mark = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
      const dot = svg("circle", { cx: 5, cy: 5, r: 5 });
      dot.style.fill = clientColour(row.client, clients);
      mark.append(dot);
      mark.style.cssText = "display:inline-block;width:.7rem;height:.7rem;margin-right:.4rem";
      return element("span", {}, mark, row.client);
    }, "id"],
    ["Address", (row) => row.address ?? "–"],
    ["State", (row) => element("span", { class: row.state === "confirmed" ? "" : "warn" }, row.state)],
    ["Can be asked", (row) => element("span", { class: row.backChannel ? "good" : "bad" }, row.backChannel ? "yes" : "no")],
    ["Layouts", (row) => row.layouts, "number"], ["Delegations", (row) => row.delegations, "number"],
    ["Silent for", (row) => seconds(Math.round(row.silentMillis / 1000))],
    ["Owner", (row) => row.owner],
  ], rows, "Clients"));
}

function choices(seals, opens) {
  const files = new Map();
  for (const row of [...seals, ...opens]) {
    if (!files.has(row.file)) {
      files.set(row.file, `${row.export}${row.path}`);
    }
  }
  const select = byId("file");
  if (!files.has(chosen)) {
    chosen = files.keys().next().value ?? "";
    view = null;
  }
  const wanted = [...files].map(([id, name]) => id + name).join("\n");
  if (select.dataset.wanted !== wanted) {
    select.dataset.wanted = wanted;
    select.replaceChildren(...[...files].map(([id, name]) => element("option", { value: id }, name)));
  }
  select.value = chosen;
  select.disabled = files.size === 0;
}

async function theFile(seals) {
  file = null;
  if (chosen === "") {
    byId("map-text").textContent = "No file is open.";
    byId("map").replaceChildren();
    byId("map-table").replaceChildren();
    return;
  }
  const asked = "?file=" + encodeURIComponent(chosen) + "&limit=" + AT_MOST;
  try {
    const [map, layouts] = await Promise.all([get("map" + asked), get("layouts" + asked)]);
    file = {
      map: map.done, extents: map.rows, layouts: layouts.rows,
      seal: seals.find((seal) => seal.file === chosen) ?? null,
      more: map.done.truncated || layouts.done.truncated,
    };
  } catch (e) {
    if (!(e instanceof Refused) || e.status === 401) {
      throw e;
    }
    byId("map-text").textContent = e.message;
    byId("map").replaceChildren();
    return;
  }
  showFile();
}

function showFile() {
  if (!file) {
    return;
  }
  const size = Math.max(1, file.map.sizeBytes);
  if (!view || view.to > size) {
    view = { from: 0, to: size };
  }
  const seal = file.seal;
  byId("map-text").textContent = `${bytes(file.map.sizeBytes)}, ${file.map.dax ? "DAX: clients reach the storage itself" : "in the page cache"}, `
    + (seal ? `${seal.state}${seal.mode ? " (" + seal.mode + ")" : ""}, ${seal.handles} handles, ${seal.delegations} delegations` : "not sealed")
    + (seal?.recall ? `, recall #${seal.recall.id} (${seal.recall.cause.replaceAll("_", " ")}), ${Math.round(seal.recall.remainingMillis / 100) / 10} s left` : "")
    + (file.more ? `; only the first ${AT_MOST} of each kind are drawn` : "");
  draw(byId("map"), file, view, clients);
  asTable(byId("map-table"), file);
}

function zoom(factor) {
  move((span, middle) => [middle - (span * factor) / 2, span * factor]);
}

function pan(share) {
  move((span, middle) => [middle - span / 2 + span * share, span]);
}

function move(how) {
  if (!file) {
    return;
  }
  const size = Math.max(1, file.map.sizeBytes);
  const [from, span] = how(view.to - view.from, (view.to + view.from) / 2);
  const length = Math.min(size, Math.max(4096, span));
  const begin = Math.min(Math.max(0, from), size - length);
  view = { from: Math.floor(begin), to: Math.ceil(begin + length) };
  showFile();
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const [status, exports, all, devices, seals, opens, traces, times] = await Promise.all([
      get("status"), get("exports"), get("clients?limit=" + AT_MOST), get("devices"),
      get("seals?limit=" + AT_MOST), get("opens?limit=" + AT_MOST), get("recalls?limit=12"), get("latencies"),
    ]);
    byId("ask").hidden = true;
    byId("main").hidden = false;
    clients = all.rows.map((row) => row.client).sort();
    numbers(status);
    exportsAndClients(exports.rows, all.rows, devices.rows);
    choices(seals.rows, opens.rows);
    await theFile(seals.rows);
    recalls(byId("recalls"), traces.rows);
    latencies(byId("latencies"), times.rows);
    document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
  } finally {
    busy = false;
  }
  if (again) {
    again = false;
    setTimeout(() => refresh().catch(failed), PAUSE_MILLIS);
  }
}

function failed(e) {
  if (e instanceof Refused && e.status === 401) {
    byId("main").hidden = true;
    byId("ask").hidden = false;
    byId("token").focus();
  }
  live(false, e.message);
}

function live(on, text) {
  byId("live").className = on ? "on" : "off";
  byId("live").textContent = text;
}

async function follow() {
  for (;;) {
    try {
      await refresh();
      await listen(() => live(true, "live"), () => refresh().catch(failed));
      live(false, "the server is gone; trying again");
    } catch (e) {
      failed(e);
      if (e instanceof Refused && e.status === 401) {
        return;
      }
    }
    await new Promise((later) => setTimeout(later, AGAIN_MILLIS));
  }
}

byId("file").addEventListener("change", (event) => {
  chosen = event.target.value;
  view = null;
  history.replaceState(null, "", "#file=" + chosen);
  refresh().catch(failed);
});
byId("zoom-in").addEventListener("click", () => zoom(0.5));
byId("zoom-out").addEventListener("click", () => zoom(2));
byId("pan-left").addEventListener("click", () => pan(-0.4));
byId("pan-right").addEventListener("click", () => pan(0.4));
byId("zoom-all").addEventListener("click", () => {
  view = null;
  showFile();
});
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(byId("token").value);
  byId("refused").textContent = "";
  follow();
});
addEventListener("resize", showFile);
// What changes without an event, such as how long a client is silent.
setInterval(() => {
  if (!document.hidden && byId("live").className === "on") {
    refresh().catch(failed);
  }
}, IDLE_MILLIS);
legend();
follow();
