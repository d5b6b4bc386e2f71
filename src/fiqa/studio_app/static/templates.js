// The page Templates: every key is saved before the page moves on.
import { go, help, key, post, say, settled, warn } from "./studio.js";

const page = document.getElementById("person");
const following = document.getElementById("following");
if (following) key("j", "Next person without a choice", () => go(following.href));

if (page) {
  const picks = [...document.querySelectorAll(".pick")];
  let busy = false;
  key("1", "1 to 9: choose that candidate", () => choose(0));
  for (let k = 1; k < 9; k += 1) {
    document.addEventListener("keydown", (event) => {
      if (event.key === String(k + 1) && plain(event)) choose(k);
    });
  }
  picks.forEach((pick, k) => pick.addEventListener("click", () => choose(k)));
  bind("x", "None of them fits", "none", () => choose(null));
  bind("u", "Undo the last choice", "undo", undo);
  bind("n", "Next person", "next", () => move(page.dataset.after));
  bind("p", "Previous person", "previous", () => move(page.dataset.before));
  key("j", "Next person without a choice", () => move(page.dataset.following));
  document.getElementById("help").addEventListener("click", help);

  function bind(name, label, id, action) {
    key(name, label, action);
    document.getElementById(id).addEventListener("click", action);
  }

  function plain(event) {
    return !(event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"));
  }

  async function choose(place) {
    if (place !== null && place >= picks.length) return warn(`There is no candidate ${place + 1}.`);
    // one after another: the next choice must name the version that this one makes
    while (busy) await settled();
    busy = true;
    const version = Number(page.dataset.version);
    const told = await post(`/templates/${page.dataset.person}/choose`, { place, version });
    busy = false;
    if (told) show(told, true);
  }

  async function undo() {
    while (busy) await settled();
    busy = true;
    const told = await post("/templates/undo", {});
    busy = false;
    if (!told) return;
    if (String(told.person) === page.dataset.person) location.reload();
    else if (told.person !== null) go(`/templates/${told.person}`);
  }

  function show(told) {
    page.dataset.version = told.version;
    const chosen = new Set(told.places);
    const count = chosen.size + told.elsewhere.length;
    const other = document.getElementById("elsewhere");
    if (other && !told.elsewhere.length) other.remove();
    picks.forEach((pick, k) => {
      pick.setAttribute("aria-pressed", String(chosen.has(k)));
      pick.closest(".candidate").classList.toggle("chosen", chosen.has(k));
    });
    document.getElementById("none").setAttribute("aria-pressed", String(count === 0));
    const state = document.getElementById("state");
    state.className = `badge ${count ? "good" : "warn"}`;
    state.textContent = count ? "✓ chosen" : "none fits";
    document.getElementById("done").textContent = told.done;
    document.getElementById("progress").value = told.done;
    say(chosen.size ? `Saved: ${[...chosen].map((k) => k + 1).join(", ")}` : "Saved: none fits");
  }

  function move(person) {
    if (person === "") return say("There is no further person that way.");
    return go(`/templates/${person}`);
  }
}
