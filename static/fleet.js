// Small helps; every page works without them.
"use strict";

// A form that does something grave asks first.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// A second click on a button that posts must not post again.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// The menu of small screens.
for (const button of document.querySelectorAll("[aria-controls][aria-expanded]")) {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
  });
}

// A timeline wider than the screen shows the present first.
for (const now of document.querySelectorAll(".timeline .now")) {
  const box = now.closest(".scroll");
  box.scrollLeft += now.getBoundingClientRect().left - box.getBoundingClientRect().left - box.clientWidth / 2;
}

// Copy what is shown once.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = button.dataset.copied;
  });
}

// One box ticks every box of its form; those left unticked untick it.
for (const all of document.querySelectorAll("[data-picks]")) {
  const boxes = all.form.querySelectorAll(`input[name=${all.dataset.picks}]`);
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  for (const box of boxes) {
    box.addEventListener("change", () => {
      all.checked = [...boxes].every((one) => one.checked);
    });
  }
}

// Lead the reader to the first field that was not taken.
const wrong = document.querySelector("main [aria-invalid=true]");
if (wrong) wrong.focus();

// The demo group's people fill in the sign-in form.
for (const button of document.querySelectorAll("[data-fill]")) {
  button.addEventListener("click", () => {
    document.querySelector("input[name=email]").value = button.dataset.fill;
    document.querySelector("input[name=password]").value = button.dataset.fillPassword;
    document.querySelector("form .btn-primary").focus();
  });
}

// How far a task is; when it ends, the page shows how.
for (const box of document.querySelectorAll("[data-progress]")) {
  const [bar, words] = [box.querySelector("progress"), box.querySelector("p")];
  const look = async () => {
    const told = await fetch(box.dataset.progress).then((answer) => answer.json()).catch(() => null);
    if (told && !told.open) return window.location.reload();
    if (told && told.total) [bar.max, bar.value] = [told.total, told.done];
    if (told && words.textContent !== told.words) words.textContent = told.words;
    window.setTimeout(look, 1000);
  };
  window.setTimeout(look, 500);
}
