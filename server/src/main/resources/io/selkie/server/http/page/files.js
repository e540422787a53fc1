// The list of files from which one is chosen: a search, and a list box that the arrow keys walk through.

import { sealState } from "./blockmap.js";
import { count, dot, element, many, say } from "./draw.js";

const SHOWN_MAX = 200;
const PAGE = 8;

const byId = (id) => document.getElementById(id);

let files = [];
let shown = [];
let chosen = "";
let onChoice = () => {};
let drawnAs = "";

// From what is sealed and what is open, by name: the order does not jump when something happens.
export function filesOf(seals, opens) {
  const known = new Map();
  for (const row of [...seals, ...opens]) {
    if (!known.has(row.file)) {
      known.set(row.file, { id: row.file, export: row.export, path: row.path, seal: null, opens: 0 });
    }
    const file = known.get(row.file);
    if ("handles" in row) {
      file.seal = row;
    } else {
      file.opens++;
    }
  }
  const name = (file) => file.export + file.path;
  return [...known.values()].sort((one, other) => (name(one) < name(other) ? -1 : 1));
}

// more: whether the server has more than it was asked for.
export function showFiles(all, current, more) {
  files = all;
  chosen = current;
  redraw(more);
}

let moreThere = false;
let seen = "";

// Scrolls the list, and not the page, which may be somewhere else.
function reveal(list, row) {
  if (row) {
    const most = row.offsetTop;
    const least = row.offsetTop + row.offsetHeight - list.clientHeight;
    list.scrollTop = Math.min(most, Math.max(least, list.scrollTop));
  }
}

function redraw(more = moreThere) {
  moreThere = more;
  const wanted = byId("find").value.trim().toLowerCase();
  const fitting = files.filter((file) => `${file.export}${file.path} ${file.id}`.toLowerCase().includes(wanted));
  shown = fitting.slice(0, SHOWN_MAX);
  const hidden = fitting.length - shown.length;
  say(byId("files-count"), files.length === 0 ? "No file is open." : fitting.length === 0
    ? "None of these. Enter asks the server for an absolute path or a device:inode."
    : hidden > 0 || more ? `${count(shown.length)} of ${more ? "more than " : ""}${many(fitting.length, "file")}; search for others`
      : many(fitting.length, "file"));
  byId("files").hidden = shown.length === 0;
  byId("find").disabled = files.length === 0 && !more;
  const as = JSON.stringify([shown, chosen]);
  if (as === drawnAs) {
    return;
  }
  drawnAs = as;
  const scrolled = byId("files").scrollTop;
  byId("files").replaceChildren(...shown.map(option));
  byId("files").scrollTop = scrolled;
  const at = shown.findIndex((file) => file.id === chosen);
  if (seen !== chosen) {
    seen = chosen;
    reveal(byId("files"), byId("files").children[at]);
  }
  if (at >= 0) {
    byId("files").setAttribute("aria-activedescendant", "file-" + at);
  } else {
    byId("files").removeAttribute("aria-activedescendant");
  }
}

function option(file, at) {
  const slash = file.path.lastIndexOf("/");
  const state = file.seal ? file.seal.state : "not sealed";
  const holders = file.seal ? file.seal.clients : 0;
  return element("li", {
    role: "option", id: "file-" + at, "aria-selected": String(file.id === chosen), title: file.export + file.path,
  },
  element("span", { class: "file-name" }, file.path.slice(slash + 1) || file.path),
  element("span", { class: "file-where" }, file.export + file.path.slice(0, slash + 1)),
  element("span", { class: "file-state" },
    dot(file.seal ? `var(--${{ sealed: "seal", recalling: "recall", fencing: "fence" }[sealState(file.seal)]})` : "var(--line-strong)"),
    state + (holders ? `, ${many(holders, "client")}` : "")));
}

function choose(at) {
  const file = shown[Math.min(shown.length - 1, Math.max(0, at))];
  if (file && file.id !== chosen) {
    chosen = file.id;
    redraw();
    onChoice(chosen);
  }
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || shown.length === 0) {
    return;
  }
  const at = shown.findIndex((file) => file.id === chosen);
  const to = {
    ArrowDown: at + 1, ArrowUp: at < 0 ? 0 : at - 1, PageDown: at + PAGE, PageUp: at - PAGE, Home: 0, End: shown.length - 1,
    Enter: Math.max(0, at), " ": Math.max(0, at),
  }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    choose(to);
  }
}

// chose: called with the id of a file; asked: with a text that names none of the list.
export function listenToFiles(chose, asked) {
  onChoice = chose;
  const list = byId("files");
  list.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => {
    const at = [...list.children].indexOf(event.target.closest("li"));
    if (at >= 0) {
      choose(at);
    }
  });
  byId("find").addEventListener("input", () => redraw());
  byId("find").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && shown.length > 0) {
      event.preventDefault();
      list.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (shown.length > 0) {
        choose(0);
      } else if (event.currentTarget.value.trim() !== "") {
        asked(event.currentTarget.value.trim());
      }
    }
  });
}
