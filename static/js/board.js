// The week board under the hand: keys, drag and drop, and the dialog that its sheets come in.
// The same addresses work as pages without this file; what is allowed is decided there alone.

const sheet = document.getElementById("sheet");
const keys = document.getElementById("keys");
const MOVED = 5; // px that a mouse goes before it drags
const HOLD = 400; // ms that a finger rests before the session lifts
// A sheet works from the moment it is seen: htmx would take up its forms 20 ms later.
htmx.config.defaultSettleDelay = 0;

let touching = false;
let here = { row: "", day: 0 }; // where the focus was: the row's id and the column, 0 the name

const table = () => document.querySelector(".board");
const rows = () => [...table().tBodies[0].rows];
const body = () => document.getElementById("sheet-body");

// Days and addresses are read off the table: the cells carry nothing of their own.

function dayOf(cell) {
  const day = new Date(`${table().dataset.monday}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() + cell.cellIndex - 1);
  return day.toISOString().slice(0, 10);
}

const isDay = (cell) => cell && cell.cellIndex >= 1 && cell.cellIndex <= 7;
const athleteOf = (row) => row.id.slice(4);
const weekOf = (row) => `/athletes/${athleteOf(row)}/weeks/${table().dataset.monday}/board/`;

// The focus goes over names, sessions and empty days by arrows; one of them is in the tab order.

function stops(cell) {
  if (cell.cellIndex === 0) return [...cell.querySelectorAll("a")];
  const found = [...cell.querySelectorAll("a.s")];
  return found.length ? found : isDay(cell) ? [cell] : [];
}

function arm() {
  if (!table()) return;
  table().setAttribute("role", "grid");
  for (const link of table().querySelectorAll("tbody a")) link.tabIndex = -1;
  const row = document.getElementById(here.row) ?? rows()[0];
  const stop = row && (stops(row.cells[here.day])[0] ?? stops(row.cells[0])[0]);
  if (stop) stop.tabIndex = 0;
  for (const button of document.querySelectorAll("[data-keys]")) button.hidden = false;
}

function focusOn(stop) {
  if (!stop) return;
  table().querySelector('tbody [tabindex="0"]')?.setAttribute("tabindex", "-1");
  stop.tabIndex = 0;
  stop.focus({ preventScroll: touching });
}

document.addEventListener("focusin", (event) => {
  const cell = event.target.closest?.(".board tbody :is(td, th)");
  if (cell) here = { row: cell.parentElement.id, day: cell.cellIndex };
});

function step(stop, key) {
  const cell = stop.closest("td, th");
  const inCell = stops(cell);
  const at = inCell.indexOf(stop);
  const row = cell.parentElement;
  if (key === "ArrowDown" || key === "ArrowUp") {
    const down = key === "ArrowDown";
    if (cell.cellIndex && inCell[at + (down ? 1 : -1)]) return inCell[at + (down ? 1 : -1)];
    const next = down ? row.nextElementSibling : row.previousElementSibling;
    return next && stops(next.cells[cell.cellIndex]).at(down ? 0 : cell.cellIndex ? -1 : 0);
  }
  if (key === "Home") return stops(row.cells[0])[0];
  if (key === "End") return stops(row.cells[7])[0];
  const right = key === "ArrowRight";
  if (!cell.cellIndex && inCell[at + (right ? 1 : -1)]) return inCell[at + (right ? 1 : -1)];
  const next = row.cells[cell.cellIndex + (right ? 1 : -1)];
  return next && stops(next).at(next.cellIndex ? 0 : -1);
}

// Sheets: asked for by htmx, shown in the dialog beside what they are about.

let asking = false; // keys that are struck meanwhile are meant for the sheet

function ask(verb, url, anchor, values) {
  const box = anchor?.getBoundingClientRect();
  asking = true;
  return htmx
    .ajax(verb, url, { source: "#sheet", target: "#sheet-body", values })
    .then(() => { if (body().childElementCount) show(box); })
    .finally(() => { asking = false; });
}

function show(box) {
  if (!sheet.open) sheet.showModal();
  if (box && matchMedia("(min-width: 641px)").matches) place(box);
  aim();
  light();
}

// The focus goes to what is wanted first: the text, the first day, the first verb. A finger's does
// not: it would bring up the keyboard of the phone.
function aim() {
  if (touching) return sheet.focus();
  const text = sheet.querySelector("[data-quick] textarea");
  if (text) return select(text);
  const first = "[autofocus], .offer button, .days14 button:enabled, .verbs a, select, input:not([type=hidden])";
  (sheet.querySelector(".is-invalid") ?? sheet.querySelector(first))?.focus();
}

function place(box) {
  const size = sheet.getBoundingClientRect();
  const below = box.bottom + 4;
  const top = below + size.height < innerHeight - 8 ? below : Math.max(8, box.top - size.height - 4);
  sheet.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
  sheet.style.top = `${top}px`;
}

// The number of reps is what is changed most: it is selected, to be typed over.
function select(text) {
  if (!text) return;
  const lines = text.value.split("\n");
  const main = lines.findIndex((line) => !/^(warm-up|drills|cool-down|#)/.test(line));
  const start = lines.slice(0, main).join("\n").length + (main > 0 ? 1 : 0);
  const digits = /^\d*/.exec(lines[main] ?? "")[0].length;
  text.focus();
  text.setSelectionRange(start, start + digits);
}

// The days that a refusal offers, lit on the board where they lie in the week that it shows.
function light() {
  for (const cell of document.querySelectorAll(".board .lit")) cell.classList.remove("lit");
  if (!body().matches("[data-refused]")) return;
  const row = document.getElementById(`row-${body().dataset.row}`);
  const days = [...body().querySelectorAll('button[name="on"]')].map((button) => button.value);
  for (const cell of row?.cells ?? []) {
    if (isDay(cell) && days.includes(dayOf(cell))) cell.classList.add("lit");
  }
}

sheet.addEventListener("close", () => {
  body().replaceChildren();
  body().removeAttribute("data-refused");
  light();
  settle();
});

for (const dialog of [sheet, keys]) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

sheet.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && typing) {
    event.preventDefault();
    typing.form.requestSubmit();
  } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    sheet.querySelector(`button[data-key="${CSS.escape(event.key)}"]:enabled`)?.click();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const all = [...sheet.querySelectorAll(":is(.days14, .verbs, .days) :is(a, button:enabled)")];
      all.at((all.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)) % all.length)?.focus();
      event.preventDefault();
    }
  }
});

// After a change: the dialog closes, and the focus stays at the session where it is now.

let goal = "";

document.addEventListener("board:changed", (event) => {
  goal = event.detail.at;
  arm();
  if (sheet.open) sheet.close();
  else settle();
  if (event.detail.reload) htmx.ajax("GET", location.href, { source: "#board", target: "#board" }).then(arm);
});

function settle() {
  arm();
  const row = document.getElementById(here.row);
  const moved = goal && table()?.querySelector(`a.s[href="${CSS.escape(goal)}"]`);
  goal = "";
  if (moved || row) focusOn(moved || stops(row.cells[here.day])[0]);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (sheet.open && event.detail.elt?.id === "sheet-body") {
    aim();
    light();
  }
  if (event.target.id === "board" || event.detail.elt?.id === "board") arm();
  if (document.querySelector("#told .told")) document.querySelector(".placed")?.remove();
});

// Keys

const SESSION = { m: "move/", c: "copy/" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || asking || sheet.open || keys.open) return;
  if (event.target.closest("input, textarea, select")) return;
  if (event.key === "?") return keys.showModal();
  if (event.key === "u" && table()) return undo();
  const cell = event.target.closest(".board tbody :is(td, th)");
  if (cell && onBoard(event.key, event.target, cell)) event.preventDefault();
});

function onBoard(key, stop, cell) {
  touching = false;
  const row = cell.parentElement;
  if (/^(Arrow|Home|End)/.test(key)) {
    focusOn(step(stop, key));
    return true;
  }
  const session = stop.matches("a.s") ? `${stop.pathname}board/` : "";
  const day = isDay(cell) ? `?day=${cell.cellIndex}` : "";
  if (session && SESSION[key]) ask("GET", session + SESSION[key], stop);
  else if (session && (key === "Delete" || key === "Backspace")) ask("POST", `${session}remove/`, stop);
  else if (key === "a" || (key === "Enter" && stop === cell)) ask("GET", `${weekOf(row)}add/${day}`, cell);
  else if (key === "x") ask("GET", `${weekOf(row)}swap/${day}`, cell);
  else if (key === "c" && !day) ask("GET", `${weekOf(row)}copy/`, cell);
  else return false;
  return true;
}

// What is taken back is what the page shows, not what another tab did since; 0 where it shows none.
function undo() {
  const action = document.querySelector('#told [name="action"], .placed [name="action"]')?.value ?? 0;
  ask("POST", table().dataset.undo, null, { week: table().dataset.monday, action });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys]")) return keys.showModal();
  if (event.target.closest("[data-hush]")) return event.target.closest(".told").remove();
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (dropped) {
    dropped = false;
    if (event.target.closest(".board")) event.preventDefault();
    return;
  }
  const link = event.target.closest(".board :is(a.s, a.more)");
  const cell = event.target.closest(".board tbody td");
  if (link) {
    event.preventDefault();
    focusOn(link);
    ask("GET", link.matches(".s") ? `${link.pathname}board/` : link.pathname, link);
  } else if (isDay(cell)) {
    focusOn(stops(cell)[0]);
    ask("GET", `${weekOf(cell.parentElement)}add/?day=${cell.cellIndex}`, cell);
  }
});

// Drag and drop, by pointer: a mouse drags when it has moved, a finger when it has rested.

let drag = null;
let dropped = false;

document.addEventListener("pointerdown", (event) => {
  dropped = false;
  touching = event.pointerType !== "mouse";
  const session = event.target.closest(".board a.s");
  if (!session || event.button || drag) return;
  drag = { session, x: event.clientX, y: event.clientY, id: event.pointerId, ghost: null };
  if (touching) drag.timer = setTimeout(lift, HOLD);
});

function lift() {
  const ghost = drag.session.cloneNode(true);
  const box = drag.session.getBoundingClientRect();
  ghost.removeAttribute("href");
  ghost.classList.add("ghost");
  ghost.style.width = `${Math.max(box.width, 120)}px`;
  drag.ghost = ghost;
  drag.offset = [drag.x - box.left, drag.y - box.top];
  document.body.append(ghost);
  drag.session.classList.add("lifted");
  document.body.classList.add("dragging");
  follow(drag.x, drag.y);
}

function follow(x, y) {
  drag.ghost.style.left = `${x - drag.offset[0]}px`;
  drag.ghost.style.top = `${y - drag.offset[1]}px`;
  const under = document.elementFromPoint(x, y);
  const cell = under?.closest(".board tbody td");
  const target = isDay(cell) ? cell : under?.closest(".weeks a");
  if (target !== drag.target) {
    drag.target?.classList.remove("over");
    target?.classList.add("over");
    drag.target = target;
  }
  const pane = document.querySelector(".pane");
  const edge = pane.getBoundingClientRect();
  if (x > edge.right - 32) pane.scrollLeft += 12;
  if (x < edge.left + 164 && x > edge.left && pane.scrollLeft) pane.scrollLeft -= 12;
}

document.addEventListener("pointermove", (event) => {
  if (!drag || event.pointerId !== drag.id) return;
  const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
  if (!drag.ghost) {
    if (touching && far > MOVED * 2) return end(); // it scrolls
    if (touching || far < MOVED) return;
    lift();
  }
  follow(event.clientX, event.clientY);
});

// Not passive: while a session is lifted the page must not scroll under it.
document.addEventListener("touchmove", (event) => { if (drag?.ghost && event.cancelable) event.preventDefault(); }, { passive: false });
document.addEventListener("contextmenu", (event) => { if (drag && touching) event.preventDefault(); });
document.addEventListener("dragstart", (event) => { if (event.target.closest?.(".board")) event.preventDefault(); });

document.addEventListener("pointerup", (event) => {
  if (!drag || event.pointerId !== drag.id) return;
  const { session, ghost, target } = drag;
  end();
  if (!ghost) return;
  dropped = true;
  // No click follows where the pointer came down on another element.
  setTimeout(() => { dropped = false; }, 50);
  if (target) drop(session, target, event.ctrlKey || event.altKey);
});

document.addEventListener("pointercancel", () => { if (drag) end(); });
document.addEventListener("keydown", (event) => { if (drag && event.key === "Escape") end(); });

function end() {
  clearTimeout(drag.timer);
  drag.ghost?.remove();
  drag.target?.classList.remove("over");
  drag.session.classList.remove("lifted");
  document.body.classList.remove("dragging");
  drag = null;
}

function drop(session, target, copying) {
  const from = session.closest("td");
  const on = target.matches("td") ? dayOf(target) : sameDay(target.href, from.cellIndex);
  const row = target.closest("tr") ?? from.parentElement;
  const other = row !== from.parentElement;
  if (!on || (target === from && !copying)) return;
  const values = { on, key: uuid() };
  if (other) values.whom = `athlete-${athleteOf(row)}`;
  here = target.matches("td") ? { row: row.id, day: target.cellIndex } : here;
  session.classList.add("waits");
  const url = `${session.pathname}board/${other || copying ? "copy/" : "move/"}`;
  ask("POST", url, target, values).finally(() => session.classList.remove("waits"));
}

// The day of the week that a link of the toolbar leads to, or "" where it leads to this one.
function sameDay(href, column) {
  const monday = /\/weeks\/(\d{4}-\d\d-\d\d)\//.exec(href)?.[1];
  if (!monday || monday === table().dataset.monday) return "";
  const day = new Date(`${monday}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() + column - 1);
  return day.toISOString().slice(0, 10);
}

// crypto.randomUUID is there on https alone.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

arm();
