// What HTML cannot do alone. Every form here also works without this file.

// A select or radio marked data-submit sends its form as soon as it changes.
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-submit]")?.form;
  if (form) form.requestSubmit();
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
