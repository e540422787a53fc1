// Recalls step by step, and how long they take.

import { element, micros, seconds, svg } from "./draw.js";

const STEPS = {
  break_seen: ["--recall", "broken"], recall_sent: ["--recall", "asked"],
  recall_answered: ["--seal", "heard"], layout_returned: ["--good", "returned"],
  fence_begun: ["--fence", "fence"], handle_invalidated: ["--data", "dead"],
  seal_released: ["--good", "seal gone"], delegation_recalled: ["--recall", "asked"],
  delegation_returned: ["--good", "returned"], delegation_revoked: ["--fence", "revoked"],
};

const WORDS = { returned: "good", fenced: "bad", running: "warn" };

export function recalls(place, rows) {
  if (rows.length === 0) {
    place.replaceChildren(element("p", { class: "none" }, "Nothing was recalled so far."));
    return;
  }
  const open = new Set([...place.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  place.replaceChildren(...rows.slice(0, 12).map((recall) => one(recall, place.clientWidth, open)));
}

function one(recall, width, open) {
  const last = Math.max(1, recall.steps.at(-1).atMicros);
  const x = (at) => 7 + (at / last) * (Math.max(260, width) - 14);
  const line = svg("svg", {
    viewBox: `0 0 ${Math.max(260, width)} 26`, height: 26, role: "img",
    "aria-label": recall.steps.map((step) => `${word(step)} after ${micros(step.atMicros)}`).join(", "),
  });
  line.append(svg("line", { x1: x(0), x2: x(last), y1: 13, y2: 13, class: "axis", "stroke-width": 3 }));
  for (const step of recall.steps) {
    const dot = svg("circle", { cx: x(step.atMicros), cy: 13, r: 6 });
    dot.style.fill = `var(${(STEPS[step.step] ?? ["--data"])[0]})`;
    dot.append(svg("title", {}, `${word(step)}, ${micros(step.atMicros)}`));
    line.append(dot);
  }
  const key = recall.id + " " + recall.file + " " + recall.steps.length;
  const steps = element("details", { "data-key": key }, element("summary", {}, `${recall.steps.length} steps`),
    element("ol", {}, ...recall.steps.map((step) =>
      element("li", {}, `${micros(step.atMicros)} ${word(step)}`
        + (step.client ? `, client ${step.client}` : "") + (step.detail ? ` (${step.detail})` : "")))));
  steps.open = open.has(key);
  return element("div", { class: "recall" },
    element("h3", {}, `${recall.export}${recall.path} `,
      element("span", { class: WORDS[recall.outcome] ?? "" }, recall.outcome)),
    element("p", {}, `${recall.id ? "#" + recall.id : "without a recall"}, `
      + `${(recall.cause ?? "fence").replaceAll("_", " ")}, ${micros(last)} in all, `
      + `${seconds(Math.round(recall.agoMillis / 1000))} ago`),
    line, steps);
}

function word(step) {
  return (STEPS[step.step] ?? [, step.step.replaceAll("_", " ")])[1];
}

const NAMES = {
  recall: "From the cause of a recall to dead handles",
  unseal: "From the cause of a recall to the seal given up",
  fence: "From the beginning of a fence to dead handles",
};

export function latencies(place, rows) {
  place.replaceChildren(...rows.map((row) => element("div", {},
    element("h3", {}, NAMES[row.name] ?? row.name),
    element("p", {}, row.count === 0 ? "none so far"
      : `${row.count === 1 ? "once" : row.count + " times"}; half within ${micros(row.p50Micros)}, 99 % within ${micros(row.p99Micros)}, `
        + `at most ${micros(row.maxMicros)} of late`),
    ...(row.count === 0 ? [] : [histogram(row)]))));
}

function histogram(row) {
  const width = 340;
  const height = 120;
  const most = Math.max(1, ...row.buckets.map((bucket) => bucket.count));
  const each = width / row.buckets.length;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height + 20}`, role: "img",
    "aria-label": row.buckets.filter((bucket) => bucket.count > 0)
      .map((bucket) => `${bucket.count} ${bucket.upToMicros === null ? "longer" : "within " + micros(bucket.upToMicros)}`)
      .join(", ") || "empty",
  });
  row.buckets.forEach((bucket, place) => {
    const size = (bucket.count / most) * (height - 16);
    const bar = svg("rect", { x: place * each + 1, y: height - Math.max(size, bucket.count ? 2 : 0), width: each - 2, height: Math.max(size, bucket.count ? 2 : 0) });
    bar.style.fill = row.name === "fence" ? "var(--fence)" : row.name === "recall" ? "var(--recall)" : "var(--seal)";
    bar.append(svg("title", {}, `${bucket.count}, up to ${bucket.upToMicros === null ? "for ever" : micros(bucket.upToMicros)}`));
    picture.append(bar);
    if (bucket.count > 0) {
      picture.append(svg("text", { x: place * each + each / 2, y: height - size - 4, "text-anchor": "middle" }, bucket.count));
    }
  });
  picture.append(svg("line", { x1: 0, x2: width, y1: height + .5, y2: height + .5, class: "axis" }));
  [0, 6, 12, 18].forEach((place) => {
    const bucket = row.buckets[place];
    if (bucket && bucket.upToMicros !== null) {
      picture.append(svg("text", { x: (place + 1) * each, y: height + 15, "text-anchor": place ? "middle" : "start", class: "quiet" },
        "≤ " + micros(bucket.upToMicros)));
    }
  });
  return picture;
}
