"""The JavaScript of the pages: constants, so that a page can name them by their hash.

Nothing here asks for anything over a network, and each page is whole without it.
"""

from __future__ import annotations

__all__ = ["CUTS", "SHEET"]

SHEET = """
"use strict";
(() => {
const SHOWN = 60;
const one = (name) => document.getElementById(name);
const box = document.querySelector(".cards");
const fields = ["find", "level", "reason", "sort", "group"].map(one).filter(Boolean);
const cards = [...box.children].map((node, place) => ({
  node, place,
  score: node.dataset.score === undefined ? -1 : Number(node.dataset.score),
  level: node.dataset.level || "",
  reasons: (node.dataset.reasons || "").split(" "),
  group: node.dataset.group || "",
  path: (node.querySelector(".name").title || "").toLowerCase(),
}));
const value = (name) => (one(name) ? one(name).value : "");
const ORDER = {
  given: (a, b) => a.place - b.place,
  worst: (a, b) => a.score - b.score || a.place - b.place,
  best: (a, b) => b.score - a.score || a.place - b.place,
  name: (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.place - b.place),
};
let page = 0;

function ends(list) {
  const held = new Map();
  for (const card of list) {
    if (card.score < 0) continue;
    const pair = held.get(card.group) || [card, card];
    if (card.score < pair[0].score) pair[0] = card;
    if (card.score > pair[1].score) pair[1] = card;
    held.set(card.group, pair);
  }
  const kept = new Set([...held.values()].flat());
  return list.filter((card) => kept.has(card));
}

function chosen() {
  const words = value("find").toLowerCase().split(/\\s+/).filter(Boolean);
  const level = value("level"), reason = value("reason"), group = value("group");
  let list = cards.filter((card) =>
    words.every((word) => card.path.includes(word)) &&
    (!level || card.level === level) && (!reason || card.reasons.includes(reason)));
  list.sort(ORDER[value("sort")] || ORDER.given);
  if (group) {
    const first = new Map();
    for (const card of list) if (!first.has(card.group)) first.set(card.group, first.size);
    if (group === "ends") list = ends(list);
    list = list.map((card, k) => [first.get(card.group), k, card])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((entry) => entry[2]);
  }
  return list;
}

function show() {
  const list = chosen(), last = Math.max(Math.ceil(list.length / SHOWN) - 1, 0);
  page = Math.min(page, last);
  const part = list.slice(page * SHOWN, (page + 1) * SHOWN), nodes = [];
  let group = null;
  for (const card of part) {
    if (value("group") && card.group !== group) {
      const head = document.createElement("h2");
      head.textContent = group = card.group;
      nodes.push(head);
    }
    nodes.push(card.node);
  }
  box.replaceChildren(...nodes);
  const from = page * SHOWN + 1, to = page * SHOWN + part.length;
  const values = [from, to, list.length];
  for (const text of document.querySelectorAll(".told"))
    text.textContent = list.length
      ? text.dataset.shown.split("{}").map((word, k) => word + (values[k] ?? "")).join("")
      : text.dataset.none;
  for (const button of document.querySelectorAll(".back")) button.disabled = page === 0;
  for (const button of document.querySelectorAll(".on")) button.disabled = page === last;
  const state = new URLSearchParams();
  for (const field of fields) if (field.value) state.set(field.id, field.value);
  if (page) state.set("page", String(page + 1));
  history.replaceState(null, "", "#" + state.toString());
}

function turn(by) {
  page += by;
  show();
  box.scrollIntoView({ block: "start" });
}

const state = new URLSearchParams(location.hash.slice(1));
for (const field of fields) {
  const before = field.value;
  if (state.has(field.id)) field.value = state.get(field.id);
  // A choice that this page does not have.
  if (field.tagName === "SELECT" && field.selectedIndex < 0) field.value = before;
  field.addEventListener("input", () => { page = 0; show(); });
}
page = Math.max((Number(state.get("page")) || 1) - 1, 0);
for (const button of document.querySelectorAll(".back"))
  button.addEventListener("click", () => turn(-1));
for (const button of document.querySelectorAll(".on"))
  button.addEventListener("click", () => turn(1));
for (const node of document.querySelectorAll(".tools")) node.hidden = false;
show();
})();
"""
"""Sorts, filters, groups and pages the cards of a contact sheet."""

CUTS = """
"use strict";
(() => {
const one = (name) => document.getElementById(name);
const curve = JSON.parse(one("curve").textContent), slide = one("slide");
const percent = (share) => (share === null ? "–" : (100 * share).toFixed(2) + " %");
const count = (number) => number.toLocaleString("en-US");
const met = (held) => (held ? "yes" : "no");

function show() {
  const k = Number(slide.value), cut = curve.cut[k], fnmr = curve.fnmr[k], limit = curve.limit[k];
  const kept = percent(curve.coverage[k]);
  one("at-cut").textContent = String(cut);
  one("at-kept").textContent = kept;
  one("at-fnmr").textContent = percent(fnmr);
  one("at-errors").textContent = `${count(curve.errors[k])} of ${count(curve.kept[k])} pairs`;
  one("at-limit").textContent = percent(limit);
  slide.setAttribute("aria-valuetext", `reject below ${cut}, keeps ${kept}, ${percent(fnmr)}`);
  one("wishes").replaceChildren(...curve.wishes.map((wish) => {
    const line = document.createElement("li");
    line.textContent = wish.fnmr === null
      ? `${wish.name}: ${met(curve.coverage[k] >= wish.coverage)} on these images`
      : `${wish.name}: ${met(fnmr <= wish.fnmr)} on these images, ` +
        `${met(limit !== null && limit <= wish.fnmr)} for as many other people`;
    return line;
  }));
}

const asked = new URLSearchParams(location.hash.slice(1)).get("cut");
if (asked !== null && Number.isFinite(Number(asked))) {
  const place = curve.cut.findIndex((cut) => cut >= Number(asked));
  slide.value = String(place < 0 ? curve.cut.length - 1 : place);
}
slide.addEventListener("input", show);
slide.addEventListener("change", () =>
  history.replaceState(null, "", "#cut=" + curve.cut[Number(slide.value)]));
one("slider").hidden = false;
show();
})();
"""
"""Shows what the cut under a slider does, from the numbers of the page."""
