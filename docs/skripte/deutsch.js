/* Läuft im Worker vor dem Skript der Suche und bringt gesuchte Wörter auf ihre Grundform. Im Index
   stehen Grundformen; Material sucht aber, was jemand tippt, als Anfang eines Wortes und lässt
   es deshalb, wie es ist: „Rückwege“ fände nichts. */
{
  const script = self.frameElement?.script ?? location.search.slice(1);
  const base = script.split("/workers/")[0];

  /* Bei „Wiederherstellun“ fehlt noch ein Buchstabe: So weit ist es keine Form des Wortes. */
  const stem = (word) =>
    lunr.de.stemmer(new lunr.Token(word.toLowerCase(), {})).toString().replace(/(?<=.{6})un?$/, "");
  const german = (query) => query.replace(/\p{L}{3,}/gu, stem);

  const listen = self.addEventListener;
  self.addEventListener = (type, handler) => listen.call(self, type, type !== "message" ? handler
    : ({ data }) => handler({ data: data.type === 2 ? { ...data, data: german(data.data) } : data }));

  if (self.frameElement) {
    self.postMessage = (data) => frameElement.answer(data);
    self.importScripts = (...urls) => urls.reduce((done, url) => done.then(() =>
      new Promise((resolve, reject) => {
        const element = document.createElement("script");
        Object.assign(element, { src: url, onload: resolve, onerror: reject });
        document.head.append(element);
      })), Promise.resolve());
  }
  const load = self.importScripts;
  self.importScripts = (...urls) =>
    load.call(self, ...urls.map((url) => url.replace(/^.*\/lunr\//, `${base}/lunr/`)));
  if (!self.frameElement) load.call(self, script);
}
