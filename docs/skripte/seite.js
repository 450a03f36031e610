/* Was der Seite fehlt: Menü und Suche mit der Tastatur, und Druck mit aufgeklappten Teilen. */

/* Im Kopf öffnen Beschriftungen (label) das Menü und die Suche; die Tastatur erreicht sie nicht. */
for (const label of document.querySelectorAll("label.md-header__button[for^=__]:not([for^=__palette])")) {
  const button = document.createElement("button");
  const toggle = document.getElementById(label.htmlFor);
  button.type = "button";
  button.className = label.className;
  button.setAttribute("for", label.htmlFor);
  button.setAttribute("aria-label", toggle.id === "__search" ? "Suche" : "Menü");
  button.append(...label.childNodes);
  button.addEventListener("click", () => toggle.click());
  label.replaceWith(button);
}

/* Jeder Block Code bekommt eine Leiste (nav) für seinen Knopf; als Wegmarke wäre sie Lärm. */
new MutationObserver(() => {
  for (const bar of document.querySelectorAll(".md-code__nav:not([role])"))
    bar.setAttribute("role", "none");
}).observe(document.body, { childList: true, subtree: true });

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("article details:not([open])")]
    .filter((details) => !details.closest(".diagramm"));
  for (const details of opened) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
});
