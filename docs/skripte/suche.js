/* Die Suche, bevor Material sie einrichtet. */
{
  /* Der Index wiegt mehr als die Seite. Ein Browser holt ihn erst, wenn jemand sucht. */
  const { open, send } = XMLHttpRequest.prototype;
  const asked = new Promise((resolve) => {
    if (new URLSearchParams(location.search).has("q")) resolve();
    addEventListener("focusin", ({ target }) => {
      if (target.matches("[data-md-component=search-query]")) resolve();
    });
  });
  const late = new WeakSet();
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    if (`${url}`.endsWith("search/search_index.json")) late.add(this);
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (late.has(this)) asked.then(() => send.call(this, body));
    else send.call(this, body);
  };

  /* Vor dem Skript der Suche läuft deutsch.js. */
  const german = (script) => new URL(`deutsch.js?${new URL(script, location.href)}`, here);
  const here = document.currentScript.src;
  const Plain = window.Worker;
  window.Worker = class extends Plain {
    constructor(script) {
      super(german(script));
    }
  };

  /* Aus file:// darf eine Seite keinen Worker starten. Dort läuft die Suche in einem
     unsichtbaren Rahmen, den Material als IFrameWorker kennt. */
  if (location.protocol === "file:") {
    window.IFrameWorker = class extends EventTarget {
      constructor(script) {
        super();
        const frame = document.createElement("iframe");
        frame.hidden = true;
        frame.title = "Suche";
        frame.script = new URL(script, location.href).href;
        frame.answer = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        frame.srcdoc = `<script src="${german(script)}"><\/script><script src="${frame.script}"><\/script>`;
        this.ready = new Promise((resolve) => frame.addEventListener("load", resolve));
        this.frame = frame;
        document.body.append(frame);
      }

      postMessage(data) {
        this.ready.then(() =>
          this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
      }
    };
    window.Worker = window.IFrameWorker;
  }
}
