/* Filtert die Liste der ausgeführten Läufe. Der Stand des Filters steht in der Adresse. */
(function () {
  "use strict";

  const list = document.querySelector(".nw");
  if (!list) return;
  const form = list.querySelector(".nw-filter");
  const count = list.querySelector(".nw-zahl");
  const nothing = list.querySelector(".nw-nichts");
  const table = list.querySelector(".nw-tabelle");
  const rows = Array.from(table.tBodies[0].rows);
  const choices = ["runbook", "umgebung", "ergebnis", "urteil"];
  const names = choices.concat(["von", "bis"]);

  /** Return what is chosen, without what is left open. */
  function chosen() {
    const found = new URLSearchParams();
    for (const name of names) {
      const value = form.elements[name].value;
      if (value) found.set(name, value);
    }
    return found;
  }

  /** Return whether a row fits. Days are ISO 8601, which sorts as text. */
  function fits(row, wanted) {
    const day = row.dataset.tag;
    if (wanted.has("von") && day < wanted.get("von")) return false;
    if (wanted.has("bis") && (!day || day > wanted.get("bis"))) return false;
    return choices.every((name) => !wanted.has(name) || row.dataset[name] === wanted.get(name));
  }

  function show(wanted) {
    let shown = 0;
    for (const row of rows) {
      row.hidden = !fits(row, wanted);
      shown += row.hidden ? 0 : 1;
    }
    const all = rows.length === 1 ? "1 Lauf" : rows.length + " Läufe";
    count.textContent = shown === rows.length ? all : shown + " von " + all.replace("Läufe", "Läufen");
    nothing.hidden = shown > 0;
    table.hidden = shown === 0;
  }

  function remember(wanted) {
    const query = wanted.toString();
    try {
      history.replaceState(history.state, "", location.pathname + (query ? "?" + query : "") + location.hash);
    } catch (error) {
      /* Ein Browser, der das bei Dateien verbietet, filtert trotzdem. */
    }
  }

  /** Take the filter over from the address; what the list does not know stays visible as chosen. */
  function restore() {
    const asked = new URLSearchParams(location.search);
    for (const name of names) {
      const field = form.elements[name];
      const value = asked.get(name) || "";
      if (value && field.tagName === "SELECT" && !Array.from(field.options).some((o) => o.value === value)) {
        field.add(new Option(value, value));
      }
      field.value = value;
    }
    show(chosen());
  }

  form.addEventListener("input", function () {
    const wanted = chosen();
    show(wanted);
    remember(wanted);
  });
  form.addEventListener("reset", function () {
    setTimeout(function () {
      show(chosen());
      remember(chosen());
    });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("popstate", restore);

  form.hidden = false;
  restore();
})();
