// The page Look: a photograph, or the camera of this browser. What is sent is looked at by the
// studio on this machine and not kept.

import { key, say, warn } from "./studio.js";

const one = (name) => document.getElementById(name);
const APART = 250; // milliseconds between the beginnings of two frames, at least
const WIDE = 640; // pixels of a frame

async function ask(address, content) {
  const answer = await fetch(address, {
    method: "POST", headers: { "content-type": "application/octet-stream" }, body: content,
  });
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  if (answer.status === 401) location.assign("/enter");
  const error = new Error(told.detail || answer.statusText);
  error.busy = answer.status === 429;
  throw error;
}

function level(node, name) {
  node.className = `level ${name || ""}`;
  node.textContent = name || "";
}

function picture(node, text, kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const old = node.src;
  node.src = URL.createObjectURL(new Blob([bytes], { type: kind }));
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
}

function line(strong, rest) {
  const item = document.createElement("li");
  const head = document.createElement("b");
  head.textContent = strong;
  item.append(head, rest);
  return item;
}

function factor([name, value]) {
  const term = document.createElement("dt");
  const row = document.createElement("dd");
  term.textContent = name;
  if (value === null) {
    row.textContent = "not measured";
  } else {
    const meter = document.createElement("meter");
    meter.value = value;
    meter.setAttribute("aria-label", name);
    row.append(meter, `${Math.round(100 * value)} %`);
  }
  return [term, row];
}

// What is said of a face that has no reason.
function calm(told) {
  return ["good", "perfect"].includes(told.level) ? "Nothing to correct." : "No single reason.";
}

function show(told) {
  const fine = told.status === "ok";
  one("result").hidden = false;
  one("details").hidden = !fine;
  one("score").textContent = fine ? told.score : "–";
  level(one("level"), fine ? told.level : "");
  one("sentence").textContent = fine
    ? (told.reasons.length ? "" : calm(told))
    : told.sentence;
  one("others").textContent = told.others
    ? `The largest face; ${told.others} more ${told.others > 1 ? "are" : "is"} on the photograph.`
    : "";
  if (!fine) return;
  one("reasons").replaceChildren(
    ...told.reasons.map((reason) => line(reason.words, `: ${reason.advice}`)));
  picture(one("crop"), told.crop, "image/jpeg");
  picture(one("heat"), told.heat, "image/png");
  const words = `Covering a part takes up to ${told.needed} points` +
    (told.hurts ? `, and another part adds up to ${told.hurts}.` : ".");
  one("heat-words").textContent = words;
  one("heat").alt = `Map of the face. ${words}`;
  one("factors").replaceChildren(...Object.entries(told.factors).flatMap(factor));
  one("better-none").hidden = told.better.length > 0;
  one("better").replaceChildren(...told.better.map((entry) =>
    line(entry.what, `: ${entry.score} (+${entry.change})`)));
}

async function look(file) {
  if (!file) return;
  stop();
  say("Looking…");
  warn("");
  try {
    show(await ask("/look/photo", file));
    say("");
    one("result").focus();
  } catch (error) {
    say("");
    warn(error.message);
  }
}

one("file").addEventListener("change", (event) => look(event.target.files[0]));
const drop = one("drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  look(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => look(event.clipboardData?.files[0]));

let stream = null;
const video = one("video");
const frame = document.createElement("canvas");

async function start() {
  warn("");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: WIDE }, audio: false });
  } catch (error) {
    warn(`The camera cannot be used: ${error.message}`);
    return;
  }
  const own = stream;
  video.srcObject = own;
  await video.play();
  one("scene").hidden = false;
  one("start").firstChild.textContent = "Stop the camera ";
  while (stream === own) await turn();
}

function stop() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  video.srcObject = null;
  one("scene").hidden = true;
  one("start").firstChild.textContent = "Start the camera ";
  one("rate").textContent = "";
}

async function turn() {
  const began = performance.now();
  const own = stream;
  frame.width = Math.min(WIDE, video.videoWidth);
  frame.height = Math.round((frame.width * video.videoHeight) / video.videoWidth);
  frame.getContext("2d").drawImage(video, 0, 0, frame.width, frame.height);
  const content = await new Promise((done) => frame.toBlob(done, "image/jpeg", 0.9));
  try {
    const told = await ask("/look/frame", content);
    if (stream === own) advise(told, performance.now() - began);
  } catch (error) {
    if (!error.busy) {
      stop();
      warn(`The camera was stopped: ${error.message}`);
      return;
    }
  }
  const rest = APART - (performance.now() - began);
  await new Promise((done) => setTimeout(done, Math.max(rest, 0)));
}

function advise(told, took) {
  const fine = told.status === "ok";
  one("live-score").textContent = fine ? told.score : "–";
  level(one("live-level"), fine ? told.level : "");
  const advice = fine
    ? (told.reasons.length ? told.reasons[0].advice : calm(told))
    : told.sentence;
  // a screen reader tells what changes, and only that
  if (one("live-advice").textContent !== advice) one("live-advice").textContent = advice;
  one("rate").textContent = `${Math.round(took)} ms for a frame`;
  const canvas = one("box");
  canvas.width = frame.width;
  canvas.height = frame.height;
  if (told.box) {
    const pen = canvas.getContext("2d");
    pen.strokeStyle = "#fff";
    pen.lineWidth = 3;
    pen.strokeRect(...told.box);
  }
}

one("start").addEventListener("click", () => (stream ? stop() : start()));
key("o", "Chooses a photograph", () => one("file").click());
key("c", "Starts or stops the camera", () => one("start").click());
window.addEventListener("pagehide", stop);
