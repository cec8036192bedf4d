// What HTML cannot do alone. Every form here also works without this file.

// A select or radio marked data-submit sends its form as soon as it changes.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-submit]")?.form;
  if (form) form.requestSubmit();
});

// An address to copy is selected whole by one touch.
document.addEventListener("click", (event) => {
  if (event.target.matches("input[readonly]")) event.target.select();
});

// A request that got no usable answer says so, where nothing else would.
const fault = document.getElementById("fault");
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    const status = event.detail.xhr?.status;
    // Logged out elsewhere, or a form from before the log-in: the page itself must be fetched anew.
    if (status === 401 || status === 403) return location.reload();
    fault.hidden = false;
    fault.scrollIntoView({ block: "nearest" });
  });
}
document.addEventListener("htmx:beforeRequest", () => { fault.hidden = true; });

// After a swap the focus goes to what the answer marks, so that keyboard and screen reader follow.
document.addEventListener("htmx:afterSettle", () => {
  document.querySelector("[data-focus]")?.focus();
});

// The editor: a button writes its block at the cursor; a mistake is underlined where it stands, on a
// sheet that lies under the text.
document.addEventListener("click", (event) => {
  const snippet = event.target.closest("[data-insert]")?.dataset.insert;
  const text = document.querySelector(".editor textarea");
  if (!snippet || !text) return;
  const start = text.value.slice(0, text.selectionStart);
  const gap = start && !start.endsWith("\n") ? "\n" : "";
  text.setRangeText(gap + snippet, text.selectionStart, text.selectionEnd, "end");
  text.focus();
  text.dispatchEvent(new Event("input", { bubbles: true }));
});

function underline() {
  const text = document.querySelector(".editor textarea");
  if (!text) return;
  const under = document.querySelector(".editor .under");
  const place = document.querySelector("#preview .place");
  under.replaceChildren();
  if (!place) return;
  const lines = text.value.split("\n");
  const row = Math.min(Number(place.dataset.line), lines.length) - 1;
  const at = lines.slice(0, row).join("\n").length + (row ? 1 : 0) + Number(place.dataset.column) - 1;
  const end = lines.slice(0, row + 1).join("\n").length;
  const wrong = document.createElement("u");
  wrong.textContent = text.value.slice(at, end) || " ";
  under.append(text.value.slice(0, at), wrong, text.value.slice(end));
  under.scrollTop = text.scrollTop;
}
document.addEventListener("htmx:afterSettle", underline);
document.addEventListener("DOMContentLoaded", underline);
document.addEventListener("scroll", (event) => {
  if (event.target.matches?.(".editor textarea")) {
    event.target.previousElementSibling.scrollTop = event.target.scrollTop;
  }
}, true);
