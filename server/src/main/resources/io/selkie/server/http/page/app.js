// The page: asks for everything once, then again when the server says that something happened.

import { get, hasToken, listen, Refused, setToken } from "./api.js";
import { clientColour, LEGEND, legendMark } from "./blockmap.js";
import { latencies, recalls } from "./charts.js";
import { bytes, count, dot, element, many, micros, say, seconds, table } from "./draw.js";
import { filesOf, listenToFiles, showFiles } from "./files.js";
import { listenToMap, showFile } from "./mapview.js";

// However much the server has: so many rows are asked for, and what is left out is said.
const FILES_MAX = 1000;
const CLIENTS_MAX = 200;
const EXPORTS_MAX = 1000;
const DEVICES_MAX = 1000;
const LAYOUTS_MAX = 2000;
const EXTENTS_MAX = 20000;
const RECALLS_MAX = 12;

// Between two looks at the server: at least this long, and at least so many times as long as the last
// one took, so that the page of a busy server is no load on it.
const PAUSE_MILLIS = 400;
const PAUSE_TIMES = 4;
const IDLE_MILLIS = 10000;
const AGAIN_MILLIS = 3000;

const byId = (id) => document.getElementById(id);

// ---------------------------------------------------------------- the connection

// What may follow what: anything else is a mistake of this page.
const EDGES = {
  connecting: ["live", "gone", "locked"],
  live: ["gone", "locked"],
  gone: ["live", "gone", "locked"],
  locked: ["connecting"],
};

let state = "connecting";
let paused = false;
let missed = 0;
let goneAt = null;

function become(next, reason = "") {
  if (!EDGES[state].includes(next)) {
    throw new Error(`the page cannot become ${next} when it is ${state}`);
  }
  if (next === "gone" && state !== "gone") {
    goneAt = new Date();
  }
  state = next;
  document.body.dataset.state = next;
  byId("trouble").hidden = next !== "gone";
  if (next === "gone") {
    say(byId("trouble"), `The server has not answered since ${goneAt.toLocaleTimeString("en-GB")} (${reason}). `
      + `What is shown is from before; the page tries again every ${AGAIN_MILLIS / 1000} seconds.`);
  } else {
    say(byId("trouble"), "");
  }
  byId("ask").hidden = next !== "locked";
  byId("pause").hidden = next !== "live";
  // A browser sends no token by itself, so the link would lead nowhere.
  byId("metrics").hidden = next === "locked" || hasToken();
  say(byId("refused"), "");
  if (next === "locked") {
    byId("main").hidden = true;
    say(byId("server"), "");
    say(byId("refused"), reason);
    byId("token").value = "";
    byId("token").focus();
  }
  showState();
}

function showState() {
  const words = { connecting: "connecting", live: "live", gone: "not connected", locked: "locked" };
  say(byId("live"), state === "live" && paused ? "paused" : words[state]);
  byId("live").className = state === "live" && paused ? "paused" : state;
  say(byId("pause"), !paused ? "Pause" : missed ? `Go on (${many(missed, "change")})` : "Go on");
  byId("pause").setAttribute("aria-pressed", String(paused));
}

async function follow() {
  for (;;) {
    const controller = new AbortController();
    try {
      await refresh();
      await listen(controller, () => {
        become("live");
        soon(controller);
      }, (message) => {
        if (paused) {
          missed += message.steps.length + message.left;
          showState();
        } else if (!document.hidden) {
          soon(controller);
        }
      });
    } catch (caught) {
      const e = controller.signal.aborted ? controller.signal.reason : caught;
      if (e instanceof Refused && e.status === 401) {
        const known = hasToken();
        setToken("");
        become("locked", !known ? "" : state === "live" || goneAt ? "The token does not count any more." : "The server does not know this token.");
        goneAt = null;
        return;
      }
      become("gone", e.message);
    } finally {
      controller.abort();
      clearTimeout(timer);
      timer = null;
      now = () => {};
    }
    await new Promise((later) => setTimeout(later, AGAIN_MILLIS));
  }
}

// ---------------------------------------------------------------- looks at the server

let timer = null;
let looking = false;
let wanted = false;
let tookMillis = 0;
// Looks again now, for who has no controller at hand; does nothing without a connection.
let now = () => {};

// One look at a time; whatever happens meanwhile leads to one more.
function soon(controller, least = PAUSE_MILLIS) {
  now = () => soon(controller, 0);
  wanted = true;
  if (looking || (timer !== null && least > 0)) {
    return;
  }
  clearTimeout(timer);
  timer = setTimeout(async () => {
    timer = null;
    looking = true;
    wanted = false;
    try {
      await refresh();
      trouble("");
    } catch (e) {
      if (e instanceof Refused && e.status !== 401) {
        trouble(`The server refused to show all of it: ${e.message}`);
      } else {
        controller.abort(e);
        return;
      }
    } finally {
      looking = false;
    }
    if (wanted && !controller.signal.aborted) {
      soon(controller);
    }
  }, least > 0 ? Math.max(least, PAUSE_TIMES * tookMillis) : 0);
}

function trouble(text) {
  if (state === "live") {
    byId("trouble").hidden = text === "";
    say(byId("trouble"), text);
  }
}

let owners = new Map();
let seals = [];
let traced = [];
let chosen = fileOfAddress();

async function refresh() {
  const begun = performance.now();
  const [status, exports, clients, devices, sealed, opened, traces, times] = await Promise.all([
    get("status"), get("exports?limit=" + EXPORTS_MAX), get("clients?limit=" + CLIENTS_MAX),
    get("devices?limit=" + DEVICES_MAX), get("seals?limit=" + FILES_MAX), get("opens?limit=" + FILES_MAX), get("recalls?limit=" + RECALLS_MAX), get("latencies"),
  ]);
  if (paused) {
    // It was said meanwhile.
    return;
  }
  byId("main").hidden = false;
  owners = new Map(clients.rows.map((row) => [row.client, row.owner]));
  seals = sealed.rows;
  numbers(status);
  showExports(exports, devices.rows, status.exports);
  showClients(clients, status.clients);
  const files = filesOf(sealed.rows, opened.rows);
  if (chosen === "") {
    // What is most likely to be looked for: the file that most clients share.
    chosen = files.reduce((best, file) => ((file.seal?.clients ?? 0) > (best?.seal?.clients ?? 0) ? file : best ?? file), null)?.id ?? "";
  }
  showFiles(files, chosen, sealed.done.truncated || opened.done.truncated);
  await theFile(false);
  traced = traces.rows;
  recalls(byId("recalls"), traced, owners);
  latencies(byId("latencies"), times.rows);
  tookMillis = performance.now() - begun;
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
}

// ---------------------------------------------------------------- the file that is chosen

let map = null;
let mapAt = 0;
let mapSeal = "";

// The block map of a sealed file stands still, so it is asked for again only when something about the
// seal has changed, or now and then.
async function theMap(id, seal, anew) {
  const as = [id, seal?.state, seal?.seal, seal?.mode].join();
  if (anew || !map || mapSeal !== as || !seal || performance.now() - mapAt > IDLE_MILLIS) {
    // Not by way of the variable: another file may be chosen meanwhile.
    const found = await get(`map?file=${encodeURIComponent(id)}&limit=${EXTENTS_MAX}`);
    map = found;
    mapAt = performance.now();
    mapSeal = as;
    return found;
  }
  return map;
}

async function theFile(anew) {
  const id = chosen;
  if (id === "") {
    say(byId("map-name"), "");
    say(byId("map-text"), "No file is open. As soon as a client opens one, its block map is drawn here.");
    showFile(null, owners);
    return;
  }
  const seal = seals.find((each) => each.file === id) ?? null;
  try {
    const [stored, layouts] = await Promise.all([
      theMap(id, seal, anew), get(`layouts?file=${encodeURIComponent(id)}&limit=${LAYOUTS_MAX}`),
    ]);
    if (id === chosen) {
      describe(stored.done, seal, stored.done.truncated || layouts.done.truncated);
      showFile({ map: stored.done, extents: stored.rows, layouts: layouts.rows, seal }, owners);
    }
  } catch (e) {
    if (!(e instanceof Refused) || e.status === 401) {
      throw e;
    }
    if (id === chosen) {
      map = null;
      say(byId("map-text"), `${e.message}. Choose another file.`);
      showFile(null, owners);
    }
  }
}

function describe(done, seal, more) {
  say(byId("map-name"), done.export + done.path);
  const parts = [bytes(done.sizeBytes), done.dax ? "DAX: clients reach the storage itself" : "in the page cache"];
  parts.push(seal ? `${seal.state}${seal.mode ? ` (${seal.mode})` : ""}, ${many(seal.handles, "handle")}`
    + (seal.delegations ? `, ${many(seal.delegations, "delegation")}` : "") : "not sealed");
  if (seal?.recall) {
    parts.push(`recall #${seal.recall.id} (${seal.recall.cause.replaceAll("_", " ")}), `
      + (seal.recall.remainingMillis > 0 ? `${micros(seal.recall.remainingMillis * 1000)} left` : "time is up"));
  }
  if (done.coarse) {
    parts.push("so many pieces that the server tells neighbours as one");
  }
  if (more) {
    parts.push(`only the first ${count(EXTENTS_MAX)} pieces and ${count(LAYOUTS_MAX)} layouts are drawn`);
  }
  say(byId("map-text"), parts.join("; "));
}

function fileOfAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("file") ?? "";
}

function choose(id) {
  chosen = id;
  map = null;
  history.replaceState(null, "", "#file=" + id);
  theFile(true).catch((e) => trouble(e.message));
}

// A file that is not in the list: the server knows it by its path or its number.
async function lookFor(text) {
  try {
    const found = await get(`map?file=${encodeURIComponent(text)}&limit=1`);
    choose(found.done.file);
    say(byId("files-count"), "");
  } catch (e) {
    say(byId("files-count"), e.message);
  }
}

// ---------------------------------------------------------------- all the rest

const NUMBERS = [
  ["Clients", (status) => count(status.clients)], ["Open files", (status) => count(status.opens)],
  ["Layouts", (status) => count(status.layouts)], ["Seals", (status) => count(status.seals)],
  ["Delegations", (status) => count(status.delegations)], ["Locks", (status) => count(status.locks)],
  ["Queue pairs", (status) => count(status.queuePairs)],
  ["Heap", (status) => bytes(status.heapUsedBytes), (status) => `of ${bytes(status.heapMaxBytes)}`],
];

function numbers(status) {
  say(byId("server"), `${status.version}, ${status.state}, up ${seconds(status.uptimeSeconds)}`
    + (status.inGrace ? `; grace period, ${many(status.clientsToReclaim, "client")} to come` : ""));
  byId("server").className = status.state === "running" && !status.inGrace ? "" : "warn";
  const place = byId("numbers");
  if (place.childElementCount === 0) {
    place.append(...NUMBERS.map(([name]) => element("div", {}, element("dt", {}, name), element("dd", {}, ""), element("dd", { class: "quiet" }))));
  }
  NUMBERS.forEach(([, value, more], at) => {
    const [, main, small] = place.children[at].children;
    say(main, value(status));
    say(small, more ? more(status) : "");
  });
}

function rows(place, columns, all, caption, none) {
  place.replaceChildren(all.length ? table(columns, all, caption) : element("p", { class: "none" }, none));
}

function mark(kind, text) {
  return element("span", { class: kind ? "pill " + kind : "" }, text);
}

function showExports(exports, devices, all) {
  const rdma = devices.filter((device) => device.kind === "rdma").map((each) => `${each.provider} ${each.address ?? ""}`.trim()).join(", ");
  rows(byId("exports"), [
    ["Name", (row) => element("b", {}, row.name)], ["Path", (row) => row.path], ["File system", (row) => row.fileSystem ?? "–"],
    ["DAX", (row) => mark(row.dax === "always" ? "good" : "", row.dax ?? "–")],
    ["RDMA", (row) => (row.direct ? element("span", {}, mark("good", "on"), " ", rdma) : mark("", "off"))],
    ["Access", (row) => (row.readOnly ? "read only" : "read and write")],
    ["Failures", (row) => mark(row.troubles ? "bad" : "", count(row.troubles)), "number"],
  ], exports.rows, "Exports", "Nothing is exported. Add an export to the configuration, then: selkie ctl reload.");
  if (exports.done.truncated) {
    byId("exports").append(element("p", { class: "none" }, `${count(exports.rows.length)} of ${count(all)} exports; all of them: selkie ctl exports`));
  }
}

function showClients(clients, all) {
  rows(byId("clients"), [
    ["Client", (row) => element("span", {}, dot(clientColour(row.client)), row.owner || "–")],
    ["Id", (row) => row.client, "id"],
    ["Address", (row) => row.address ?? "–"],
    ["State", (row) => mark(row.state === "confirmed" ? "" : "warn", row.state)],
    ["Can be asked", (row) => mark(row.backChannel ? "good" : "bad", row.backChannel ? "yes" : "no")],
    ["Layouts", (row) => count(row.layouts), "number"], ["Delegations", (row) => count(row.delegations), "number"],
    ["Silent for", (row) => seconds(Math.round(row.silentMillis / 1000)), "number"],
  ], clients.rows.toSorted((one, other) => (one.owner || "").localeCompare(other.owner || "", "en", { numeric: true })), "Clients", "Nobody is here. Clients appear when they mount, or when a command of Selkie connects.");
  if (clients.done.truncated) {
    byId("clients").append(element("p", { class: "none" }, `${count(clients.rows.length)} of ${count(all)} clients; all of them: selkie ctl clients`));
  }
}

// ---------------------------------------------------------------- begin

byId("legend").replaceChildren(...LEGEND.map(([name, kind]) => element("li", {}, legendMark(kind), name)));
listenToMap();
listenToFiles(choose, lookFor);
byId("pause").addEventListener("click", () => {
  paused = !paused;
  missed = 0;
  showState();
  if (!paused) {
    now();
  }
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) {
    now();
  }
});
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  become("connecting");
  follow();
});
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#file=") && fileOfAddress() !== chosen) {
    choose(fileOfAddress());
    now();
  }
});
addEventListener("resize", () => recalls(byId("recalls"), traced, owners));
// What changes without an event, such as how long a client is silent.
setInterval(() => {
  if (!document.hidden && !paused) {
    now();
  }
}, IDLE_MILLIS);
follow();
