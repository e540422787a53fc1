// Recalls step by step, and how long they take.

import { clientColour } from "./blockmap.js";
import { count, dot, element, keyed, many, micros, painted, seconds, shortened, svg, table } from "./draw.js";

const LANE = 26;
const LABELS = 140;
const CLIENTS_MAX = 8;

// Of each step: its colour, and what it is called.
const STEPS = {
  break_seen: ["--recall", "somebody wants the file"], recall_sent: ["--recall", "layout asked for"],
  recall_answered: ["--seal", "client has heard"], layout_returned: ["--good", "layout returned"],
  fence_begun: ["--fence", "fencing begins"], handle_invalidated: ["--data", "handle dead"],
  invalidation_failed: ["--fence", "handle cannot be ended"], seal_released: ["--good", "seal given up"],
  delegation_recalled: ["--recall", "delegation asked for"], delegation_returned: ["--good", "delegation returned"],
  delegation_revoked: ["--fence", "delegation revoked"], audit_difference: ["--fence", "block map differs"],
};

const KINDS = { returned: "good", fenced: "bad", running: "warn", over: "" };

function word(step) {
  return STEPS[step.step]?.[1] ?? step.step.replaceAll("_", " ");
}

function colour(step) {
  return `var(${STEPS[step.step]?.[0] ?? "--data"})`;
}

function lasts(recall) {
  const last = recall.steps.at(-1)?.atMicros ?? 0;
  return Math.max(1, recall.outcome === "running" ? recall.agoMillis * 1000 : last);
}

// ---------------------------------------------------------------- recalls

export function recalls(place, rows, owners) {
  const width = place.clientWidth;
  if (rows.length === 0) {
    place.replaceChildren(element("p", { class: "none" },
      "Nothing was recalled so far. A recall appears here step by step as soon as somebody wants a sealed file."));
    return;
  }
  const key = (recall) => `${recall.id} ${recall.file} ${recall.steps[0]?.client ?? ""}`;
  const signature = (recall) => [width, recall.outcome, recall.steps.length, recall.outcome === "running" ? recall.agoMillis : ""].join();
  const fresh = place.querySelector("details") === null;
  place.querySelector(":scope > p")?.remove();
  keyed(place, rows, key, signature, (recall, old) => one(recall, width, owners, old ? old.open : fresh && recall === rows[0]));
  rows.forEach((recall, at) => {
    place.children[at].querySelector(".ago").textContent = seconds(Math.round(recall.agoMillis / 1000)) + " ago";
  });
}

function one(recall, width, owners, open) {
  const made = element("details", { class: "recall" },
    element("summary", {},
      element("span", { class: "pill " + (KINDS[recall.outcome] ?? "") }, recall.outcome),
      element("span", { class: "recall-name", title: recall.export + recall.path }, recall.export + recall.path),
      element("span", { class: "recall-cause" }, `${recall.id ? `#${recall.id} ` : ""}${(recall.cause ?? "fence").replaceAll("_", " ")}`),
      strip(recall),
      element("span", { class: "recall-time" }, micros(lasts(recall))),
      element("span", { class: "ago" })),
    element("div", { class: "recall-body" }));
  const fill = () => {
    if (made.open && made.lastChild.childElementCount === 0) {
      made.lastChild.append(timeline(recall, Math.max(260, width < 560 ? width : width - 24), owners), steps(recall, owners));
    }
  };
  made.addEventListener("toggle", fill);
  made.open = open;
  fill();
  return made;
}

// All of it on one line.
function strip(recall) {
  const whole = lasts(recall);
  const line = svg("svg", { viewBox: "0 0 160 14", class: "strip", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("line", { x1: 4, x2: 156, y1: 7, y2: 7, class: "axis" }));
  recall.steps.forEach((step) =>
    line.append(painted(svg("circle", { cx: 4 + (152 * step.atMicros) / whole, cy: 7, r: 4 }), colour(step))));
  return line;
}

function who(client, owners) {
  return owners.get(client) || client;
}

// A line for the server and one for each client, from its first step to its last.
function timeline(recall, width, owners) {
  const whole = lasts(recall);
  const labels = width < 520 ? 0 : LABELS;
  const x = (at) => labels + 10 + (at / whole) * (width - labels - 20);
  const clients = [...new Set(recall.steps.map((step) => step.client).filter((client) => client))];
  const lanes = [[null, recall.steps.filter((step) => !step.client)],
    ...clients.slice(0, CLIENTS_MAX).map((client) => [client, recall.steps.filter((step) => step.client === client)])]
    .filter(([client, its]) => client || its.length > 0);
  const step = LANE + (labels ? 0 : 16);
  const height = lanes.length * step + 26;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `The recall to scale: ${recall.steps.map((each) => `${word(each)} after ${micros(each.atMicros)}`).join(", ")}`,
  });
  const unit = niceUnit(whole, Math.max(2, Math.floor((width - labels) / 110)));
  for (let at = 0; at <= whole; at += unit) {
    picture.append(svg("line", { x1: x(at), x2: x(at), y1: 0, y2: height - 20, class: "axis grid" }),
      svg("text", { x: x(at), y: height - 5, class: "quiet", "text-anchor": at === 0 ? "start" : x(at) > width - 40 ? "end" : "middle" },
        at === 0 ? "0" : micros(at)));
  }
  lanes.forEach(([client, its], place) => {
    const middle = place * step + (labels ? 13 : 27);
    const name = client ? who(client, owners) : "server";
    picture.append(svg("text", { x: 0, y: labels ? middle + 4 : middle - 13 }, shortened(name, labels ? 17 : 40)));
    const last = recall.outcome === "running" ? whole : its.at(-1).atMicros;
    picture.append(painted(svg("rect", {
      x: x(its[0].atMicros), y: middle - 3, width: Math.max(1, x(last) - x(its[0].atMicros)), height: 6, rx: 3, class: "span",
    }), client ? clientColour(client) : "var(--line-strong)"));
    for (const each of its) {
      const mark = painted(svg("circle", { cx: x(each.atMicros), cy: middle, r: 6, class: "step" }), colour(each));
      mark.append(svg("title", {}, `${word(each)}, ${micros(each.atMicros)}`));
      picture.append(mark);
    }
  });
  const box = element("div", {}, picture);
  if (clients.length > CLIENTS_MAX) {
    box.append(element("p", { class: "none" }, `and ${many(clients.length - CLIENTS_MAX, "more client")}, in the steps below`));
  }
  return box;
}

// 1, 2 or 5 times a power of ten.
function niceUnit(whole, most) {
  let power = 1;
  for (;;) {
    for (const unit of [power, 2 * power, 5 * power]) {
      if (whole / unit <= most) {
        return unit;
      }
    }
    power *= 10;
  }
}

function steps(recall, owners) {
  const detailed = recall.steps.some((step) => step.detail);
  const rows = table([
    ["After", (step) => micros(step.atMicros), "number"],
    ["Step", (step) => element("span", {}, dot(colour(step)), word(step))],
    ["Client", (step) => (step.client ? who(step.client, owners) : "–")],
    ...(detailed ? [["Detail", (step) => step.detail ?? "–"]] : []),
  ], recall.steps, "Steps of the recall");
  return element("div", { class: "scroll cards", tabindex: "0", role: "region", "aria-label": "Steps" }, rows);
}

// ---------------------------------------------------------------- how long

const NAMES = {
  recall: ["Recalls", "from the cause to dead handles", "--recall"],
  unseal: ["Seals", "from the cause to the seal given up", "--seal"],
  fence: ["Fences", "from the beginning to dead handles", "--fence"],
};

export function latencies(place, rows) {
  keyed(place, rows, (row) => row.name,
    (row) => [row.count, row.p50Micros, row.p99Micros, row.maxMicros].join(), (row) => {
      const [name, what, paint] = NAMES[row.name] ?? [row.name, "", "--data"];
      return element("div", { class: "chart" },
        element("h3", {}, name), element("p", {}, what),
        ...(row.count === 0 ? [element("p", { class: "empty" }, "none so far")]
          : [element("dl", { class: "quantiles" }, ...[["of late, half within", row.p50Micros], ["99 % within", row.p99Micros],
            ["at most", row.maxMicros]].map(([term, value]) =>
            element("div", {}, element("dt", {}, term), element("dd", {}, micros(value))))),
          histogram(row, paint), element("p", {}, `${many(row.count, "time")} since the start`)]));
    });
}

// As much of the scale as there is something in, and a little more.
function filled(buckets) {
  const used = buckets.map((bucket, at) => (bucket.count > 0 ? at : -1)).filter((at) => at >= 0);
  const from = Math.max(0, Math.min(used[0] - 2, buckets.length - 9));
  return buckets.slice(from, Math.max(from + 9, used.at(-1) + 3));
}

function histogram(row, paint) {
  const width = 340;
  const height = 116;
  const buckets = filled(row.buckets);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const each = width / buckets.length;
  const upTo = (bucket) => (bucket.upToMicros === null ? "longer" : "≤ " + micros(bucket.upToMicros));
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height + 24}`, role: "img",
    "aria-label": `How many took how long: ${buckets.filter((bucket) => bucket.count > 0)
      .map((bucket) => `${bucket.count} ${upTo(bucket)}`).join(", ")}`,
  });
  const every = Math.ceil(buckets.length / 5);
  buckets.forEach((bucket, place) => {
    const size = bucket.count === 0 ? 0 : Math.max(2, (bucket.count / most) * (height - 20));
    const bar = painted(svg("rect", { x: place * each + 1.5, y: height - size, width: each - 3, height: size, rx: 2 }), `var(${paint})`);
    bar.append(svg("title", {}, `${count(bucket.count)}, ${upTo(bucket)}`));
    picture.append(bar);
    if (bucket.count > 0) {
      picture.append(svg("text", { x: place * each + each / 2, y: height - size - 5, "text-anchor": "middle" }, count(bucket.count)));
    }
    if (place % every === 0) {
      picture.append(svg("text", { x: place * each + each / 2, y: height + 17, class: "quiet",
        "text-anchor": place === 0 ? "start" : place > buckets.length - 2 ? "end" : "middle",
        ...(place === 0 ? { x: 0 } : place > buckets.length - 2 ? { x: width } : {}) }, upTo(bucket)));
    }
  });
  picture.append(svg("line", { x1: 0, x2: width, y1: height + .5, y2: height + .5, class: "axis" }));
  return picture;
}
