// The page Review: the focused card takes the keys.
import { go, help, key, post, warn } from "./studio.js";

const LEVELS = ["unusable", "low", "medium", "good", "perfect"];
const items = [...document.querySelectorAll(".item")];

function current() {
  const card = document.activeElement && document.activeElement.closest(".item");
  if (!card) warn("Choose a face first: the arrow keys go from one to the next.");
  return card;
}

function step(by) {
  if (!items.length) return;
  const at = items.indexOf(document.activeElement && document.activeElement.closest(".item"));
  items[at < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + by))].focus();
}

function on(id, action) {
  const found = document.getElementById(id);
  if (found) found.addEventListener("click", action);
}

async function decide(content, versions, name) {
  const told = await post("/review/decide", { ...content, version: Number(versions[name]) });
  if (told) versions[name] = told.version;
  return told;
}

async function level(card, value) {
  if (!card || card.dataset.kind !== "face") return;
  const content = { kind: "level", row: Number(card.dataset.row), value };
  if (await decide(content, card.dataset, "level")) card.querySelector(".level").textContent = value;
}

function asked(dialog) {
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "save"), { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
}

async function reasons(card) {
  if (!card || card.dataset.kind !== "face") return;
  const dialog = document.getElementById("reasons");
  const boxes = [...dialog.querySelectorAll("input")];
  const codes = new Set(card.dataset.codes.split(" "));
  for (const box of boxes) box.checked = codes.has(box.value);
  if (await asked(dialog)) {
    const value = boxes.filter((box) => box.checked).map((box) => box.value);
    const content = { kind: "reasons", row: Number(card.dataset.row), value };
    if (await decide(content, card.dataset, "reasons")) {
      card.dataset.codes = value.join(" ");
      card.querySelector(".codes").textContent = value.join(", ");
    }
  }
  card.focus();
}

async function move(card) {
  if (!card || card.dataset.kind !== "face") return;
  const input = document.getElementById("to");
  input.value = "";
  if ((await asked(document.getElementById("move"))) && input.value.trim()) {
    const content = { kind: "identity", row: Number(card.dataset.row), value: input.value };
    const told = await decide(content, card.dataset, "identity");
    if (told) card.querySelector(".person").textContent = told.value;
  }
  card.focus();
}

async function judge(card, value) {
  if (!card || card.dataset.kind !== "finding") return;
  const content = { kind: "finding", place: Number(card.dataset.place), value };
  const first = !card.querySelector("[aria-pressed=true]");
  if (await decide(content, card.dataset, "version")) {
    card.querySelector(".accept").setAttribute("aria-pressed", String(value === "accepted"));
    card.querySelector(".reject").setAttribute("aria-pressed", String(value === "rejected"));
    card.querySelector(".said").textContent = value;
    const decided = document.getElementById("decided");
    if (first) decided.textContent = Number(decided.textContent) + 1;
  }
}

async function undo() {
  if (await post("/review/undo", {})) location.reload();
}

key("ArrowRight", "Next card", () => step(1));
key("ArrowLeft", "Card before", () => step(-1));
key("u", "Undo your last decision", undo);
on("undo", undo);
on("help", help);
for (const [name, id, label] of [["n", "page-after", "Next page"], ["p", "page-before", "Page before"]]) {
  const link = document.getElementById(id);
  if (link) key(name, label, () => go(link.href));
}
if (document.getElementById("reasons")) {
  LEVELS.forEach((name, k) => key(String(k + 1), `Level ${name}`, () => level(current(), name)));
  key("r", "Correct the reasons", () => reasons(current()));
  key("m", "Move to another person", () => move(current()));
}
if (document.querySelector(".accept")) {
  key("a", "Accept the finding", () => judge(current(), "accepted"));
  key("x", "Reject the finding", () => judge(current(), "rejected"));
}
for (const card of items) {
  const act = (name, event, action) => {
    const found = card.querySelector(name);
    if (found) found.addEventListener(event, () => action(found));
  };
  act(".to-level", "change", (list) => list.value && level(card, list.value));
  act(".to-reasons", "click", () => reasons(card));
  act(".to-person", "click", () => move(card));
  act(".accept", "click", () => judge(card, "accepted"));
  act(".reject", "click", () => judge(card, "rejected"));
}
for (const track of document.querySelectorAll(".track")) {
  track.querySelector(".merge").addEventListener("click", async () => {
    const value = track.querySelector(".into").value;
    const content = { kind: "merge", track: track.dataset.track, value };
    if (value && (await decide(content, track.dataset, "merge"))) location.assign("/review/tracks");
  });
  for (const face of track.querySelectorAll(".begin")) {
    face.addEventListener("click", async () => {
      const content = { kind: "split", row: Number(face.dataset.row) };
      if (await decide(content, face.dataset, "split")) location.reload();
    });
  }
}
