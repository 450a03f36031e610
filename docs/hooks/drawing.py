"""Draws the diagrams of the site: docs/diagramme/NAME.mmd becomes NAME.svg beside it.

Run by ``nox -s diagrams`` when a diagram has changed, never by a build: a page carries the drawing
itself, so it needs no script, prints well, and looks the same without a network. Mermaid lays a
diagram out in the system's Chromium; colours become variables of the style sheet, so that one
drawing serves light, dark and paper.

Usage: ``python docs/hooks/drawing.py DIRECTORY``, the directory that holds Mermaid's ``index.js``.
"""

import logging
import re
import shutil
import sys
from pathlib import Path

from diagrams import DIAGRAMS, digest, title_of
from playwright.sync_api import Page, Route, sync_playwright

__all__ = ["draw_all", "painted"]

log = logging.getLogger("drawing")

HOST = "http://mermaid.invalid"
"""Never asked: the browser gets all its files from here by interception."""

FONT = 'Arial, "Liberation Sans", Helvetica, Arimo, sans-serif'
"""These fonts share their widths, so that text fits its box on other machines too."""

PAINTS = {
    "#010203": "flaeche",
    "#010204": "rand",
    "#010205": "text",
    "#010206": "linie",
    "#010207": "gruppe",
    "#010208": "grund",
}
"""Colours that stand for the variables ``--diagramm-…`` of docs/stil.css."""

COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b(?!\))|\b(?:rgb|hsl)a?\([^)]*\)")

AREA, EDGE, TEXT, LINE, GROUP, GROUND = PAINTS
OPTIONS = {
    "startOnLoad": False,
    "securityLevel": "strict",
    "deterministicIds": True,
    "handDrawnSeed": 1,
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "curve": "basis", "nodeSpacing": 40, "rankSpacing": 40},
    "sequence": {"useMaxWidth": False, "mirrorActors": False, "wrap": False},
    "fontFamily": FONT,
    "theme": "base",
    "themeCSS": ".edgeLabel rect { opacity: 1 !important; }",
    "themeVariables": {
        "fontFamily": FONT,
        "fontSize": "15px",
        **dict.fromkeys(
            ("primaryColor", "mainBkg", "actorBkg", "stateBkg", "labelBoxBkgColor",
             "activationBkgColor"), AREA),
        **dict.fromkeys(
            ("primaryBorderColor", "nodeBorder", "actorBorder", "stateBorder", "clusterBorder",
             "labelBoxBorderColor", "activationBorderColor", "noteBorderColor",
             "secondaryBorderColor", "tertiaryBorderColor"), EDGE),
        **dict.fromkeys(
            ("primaryTextColor", "textColor", "titleColor", "nodeTextColor", "actorTextColor",
             "signalTextColor", "labelTextColor", "loopTextColor", "noteTextColor", "labelColor",
             "stateLabelColor", "transitionLabelColor", "secondaryTextColor",
             "tertiaryTextColor"), TEXT),
        **dict.fromkeys(
            ("lineColor", "defaultLinkColor", "signalColor", "actorLineColor", "arrowheadColor",
             "transitionColor", "specialStateColor", "innerEndBackground", "errorTextColor"), LINE),
        **dict.fromkeys(
            ("tertiaryColor", "secondaryColor", "clusterBkg", "noteBkgColor", "altBackground",
             "compositeBackground", "compositeTitleBackground", "errorBkgColor"), GROUP),
        **dict.fromkeys(
            ("background", "edgeLabelBackground", "labelBackgroundColor",
             "sequenceNumberColor"), GROUND),
    },
}  # fmt: skip

DRAW = r"""async ([name, source, options]) => {
  const NEEDLESS = {
    style: ["", ";"], "font-weight": ["normal"], "font-style": ["normal"], class: [""],
  };
  const { mermaid } = await import("/index.js");
  mermaid.initialize(options);
  await document.fonts.ready;
  const { svg } = await mermaid.render(`diagramm-${name}`, source);
  document.body.innerHTML = svg;
  const drawing = document.querySelector("svg");

  // Mermaid writes rules for every kind of diagram; this drawing needs a few of them.
  const used = [];
  for (const rule of drawing.querySelector("style").sheet.cssRules) {
    if (rule.selectorText && document.querySelector(rule.selectorText.replace(/::?[a-z-]+/g, "")))
      used.push(rule.cssText);
  }
  drawing.querySelector("style").textContent = used.join("\\n");

  // The name of a group stands at its left: in the middle, arrows run through it.
  for (const label of drawing.querySelectorAll(".cluster-label")) {
    const { x, y } = label.parentElement.querySelector("rect").getBBox();
    label.setAttribute("transform", `translate(${x + 8}, ${y + 2})`);
  }

  // Ids stay where something points to them; on a page with two drawings others would clash.
  const text = drawing.outerHTML;
  for (const element of drawing.querySelectorAll("[id]"))
    if (!text.includes(`#${element.id})`)) element.removeAttribute("id");
  for (const element of drawing.querySelectorAll("marker, filter, linearGradient"))
    if (!element.id) element.remove();
  for (const element of drawing.querySelectorAll("title, desc, defs:empty, g:empty"))
    element.remove();
  for (const element of drawing.querySelectorAll("*"))
    for (const { name, value } of [...element.attributes])
      if (name.startsWith("data-") || NEEDLESS[name]?.includes(value))
        element.removeAttribute(name);
  for (const element of drawing.querySelectorAll("path[d], polygon[points], [transform]"))
    for (const name of ["d", "points", "transform"])
      if (element.hasAttribute(name))
        element.setAttribute(name, element.getAttribute(name).replace(/-?\d+\.\d{2,}(e-\d+)?/g,
          (number) => String(Math.round(number * 10) / 10)));
  drawing.id = `diagramm-${name}`;

  const { width, height } = drawing.viewBox.baseVal;
  drawing.setAttribute("width", Math.ceil(width));
  drawing.setAttribute("height", Math.ceil(height));
  for (const attribute of ["style", "class", "aria-roledescription", "aria-labelledby",
                           "aria-describedby"])
    drawing.removeAttribute(attribute);
  drawing.setAttribute("role", "img");
  return new XMLSerializer().serializeToString(drawing);
}"""


def painted(svg: str) -> str:
    """Return a drawing with variables of the style sheet for its colours.

    Raises:
        ValueError: A colour is not one of ours; it could not follow the reader's scheme.
    """
    for colour, name in PAINTS.items():
        triple = ", ".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        svg = re.sub(
            rf"{colour}|rgba?\({triple}(?:, [\d.]+)?\)", f"var(--diagramm-{name})", svg
        )  # fmt: skip
    if others := sorted(set(COLOUR.findall(svg))):
        raise ValueError(f"colours of its own: {', '.join(others)}")
    return svg


def draw_all(mermaid: Path, chromium: str) -> list[Path]:
    """Draw every diagram into the file beside it.

    Args:
        mermaid: Directory of Mermaid's modules.
        chromium: Path of the browser.

    Returns:
        The drawings, in order of their names.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.route("**/*", lambda route: _answer(route, mermaid))
        page.goto(f"{HOST}/")
        drawings = [_draw(page, source) for source in sorted(DIAGRAMS.glob("*.mmd"))]
        browser.close()
    return drawings


def _answer(route: Route, mermaid: Path) -> None:
    name = route.request.url.removeprefix(HOST).strip("/")
    if name:
        route.fulfill(path=mermaid / name, content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


def _draw(page: Page, path: Path) -> Path:
    source = path.read_text("utf-8")
    svg: str = page.evaluate(DRAW, [path.stem, source, OPTIONS])
    svg = painted(svg).replace("<svg ", f'<svg data-quelle="{digest(source)}" ', 1)
    target = path.with_suffix(".svg")
    target.write_text(svg + "\n", "utf-8")
    log.info("%s: %s, %d kB", target.name, title_of(source), len(svg) // 1000)
    return target


def main(arguments: list[str]) -> None:
    """Draw with what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        sys.exit("Chromium is needed to draw, and is not installed.")
    draw_all(Path(arguments[0]), chromium)


if __name__ == "__main__":
    main(sys.argv[1:])
