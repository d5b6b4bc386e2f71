// What every page shares: saving, keys, help. A page's own module imports from here.

const status = document.getElementById("status");
const alertBox = document.getElementById("alert");

export function say(text) {
  status.textContent = text;
}

export function warn(text) {
  alertBox.textContent = text;
}

// Saves go one after another; `settled()` resolves when none is on its way.
let queue = Promise.resolve();

export function settled() {
  return queue;
}

// Posts JSON and returns the answer; on a refusal it says why and returns null. Somebody else's
// decision (409) loads the page again, so that it is seen before it is replaced.
export function post(address, content) {
  const turn = queue.then(() => send(address, content));
  queue = turn.catch(() => null);
  return turn;
}

async function send(address, content) {
  say("Saving…");
  warn("");
  let answer;
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(content),
    });
  } catch {
    say("");
    warn("Not saved: the studio does not answer. Is it still running?");
    return null;
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) {
    say("Saved");
    return told;
  }
  say("");
  if (answer.status === 401) {
    location.assign("/enter");
  } else if (answer.status === 428) {
    location.assign("/who");
  } else if (answer.status === 409) {
    sessionStorage.setItem("stale", `Not saved: ${told.annotator || "somebody"} decided first.`);
    location.reload();
  } else {
    warn(`Not saved: ${told.detail || answer.statusText}`);
  }
  return null;
}

// Goes to another page when everything is saved.
export async function go(address) {
  await settled();
  location.assign(address);
}

const bound = new Map();

// Binds a key of the page; `label` is what the help says of it.
export function key(name, label, action) {
  bound.set(name, { label, action });
}

function typing(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), select, textarea") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const found = bound.get(event.key);
  if (found) {
    event.preventDefault();
    found.action(event);
  }
});

export function help() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keys of this page");
  const table = document.createElement("table");
  for (const [name, { label }] of bound) {
    const row = table.insertRow();
    const cap = document.createElement("kbd");
    cap.textContent = name;
    row.insertCell().append(cap);
    row.insertCell().textContent = label;
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.append(table, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

key("?", "Shows these keys", help);

const stale = sessionStorage.getItem("stale");
if (stale) {
  sessionStorage.removeItem("stale");
  warn(stale);
}
