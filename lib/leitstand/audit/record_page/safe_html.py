"""Makes HTML of others harmless: what is not known to be harmless is left out.

The result is put together anew from a short list of elements and attributes, each closed where it
was opened, so that no browser can read it otherwise than it was checked.
Links become text with their address beside it: a page that is evidence loads nothing and leads
nowhere, and no link names another address than it shows.
"""

import html
import re
from collections.abc import Mapping
from typing import Final

from leitstand.audit.record_page.words import visible

__all__ = ["IMAGE", "safe_html"]

IMAGE: Final = re.compile(
    r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+", re.IGNORECASE
)
"""An image that carries its own content; as an image, not even SVG runs a script."""

_RAW: Final = frozenset(
    ("iframe", "noembed", "noframes", "plaintext", "script", "style", "textarea", "title", "xmp")
)
"""Left out up to their end; what looks like an element in them is none."""
_DROPPED: Final = frozenset(
    ("applet", "audio", "canvas", "frameset", "math", "noscript", "object", "select", "svg",
     "template", "video")
)  # fmt: skip
"""Left out with all elements that are in them."""
_VOID: Final = frozenset(("br", "hr", "img", "wbr", "col"))
_KEPT: Final = _VOID | frozenset(
    ("abbr", "b", "blockquote", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em",
     "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "i", "ins", "kbd", "li", "ol", "p",
     "pre", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td",
     "tfoot", "th", "thead", "tr", "u", "ul")
)  # fmt: skip
_NUMBERS: Final = frozenset(("colspan", "rowspan", "span", "start"))
_PLAIN: Final = frozenset(("alt", "title", "scope", "open"))
_STYLES: Final = frozenset(
    ("background", "background-color", "border", "border-bottom", "border-collapse", "border-color",
     "border-left", "border-radius", "border-right", "border-top", "color", "font-family",
     "font-size", "font-style", "font-weight", "height", "max-width", "overflow-wrap", "overflow-x",
     "padding", "padding-left", "text-align", "text-decoration", "vertical-align", "white-space",
     "width")
)  # fmt: skip
_STYLE: Final = re.compile(r"[\w\s.,%#()+/'-]*")
_FUNCTIONS: Final = frozenset(("rgb", "rgba", "hsl", "hsla"))
_MOST_OPEN: Final = 100
# A tag ends before the next one begins, so that no text takes more than linear time.
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE: Final = re.compile(r"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")


def safe_html(source: str, *, deeper: int = 0) -> str:
    """Return the harmless part of HTML.

    Args:
        source: What somebody else wrote.
        deeper: By how many levels its headings are lowered, so that they fit below ours.
    """
    return _Cleaner(source, deeper).result()


class _Cleaner:
    """Writes what is harmless while it reads, in linear time; html.parser takes quadratic time."""

    def __init__(self, source: str, deeper: int) -> None:
        self._source = source
        self._deeper = deeper
        self._written: list[str] = []
        self._open: list[str] = []
        self._dropped: list[str] = []
        self._links: list[str] = []

    def result(self) -> str:
        """Return all that is harmless, with everything closed."""
        at = 0
        while (start := self._source.find("<", at)) >= 0:
            self._data(self._source[at:start])
            at = self._markup(start)
        self._data(self._source[at:])
        self._close_to(0)
        return "".join(self._written)

    def _markup(self, start: int) -> int:
        """Take what begins with ``<``; return where it ends."""
        tag = _TAG.match(self._source, start)
        if tag is not None:
            slash, name, attributes = tag.groups()
            return (self._end if slash else self._start)(name.lower(), attributes, tag.end())
        for opening, closing in (("<!--", "-->"), ("<!", ">"), ("<?", ">")):
            if self._source.startswith(opening, start):
                return self._after(closing, start + 2)
        self._data("<")
        return start + 1

    def _after(self, text: str, start: int) -> int:
        found = self._source.find(text, start)
        return found + len(text) if found >= 0 else len(self._source)

    def _start(self, tag: str, attributes: str, end: int) -> int:
        if tag in _RAW:
            closing = re.compile(f"</{tag}[\\s/>]", re.IGNORECASE).search(self._source, end)
            return self._after(">", closing.start()) if closing else len(self._source)
        if tag in _DROPPED:
            if not attributes.endswith("/") and len(self._dropped) < _MOST_OPEN:
                self._dropped.append(tag)
        elif self._dropped:
            pass
        elif tag == "a":
            self._links.append(_address(_attributes(attributes).get("href", "")))
        elif tag in _KEPT and len(self._open) < _MOST_OPEN:
            self._element(tag, _attributes(attributes))
        return end

    def _end(self, tag: str, _: str, end: int) -> int:
        if self._dropped:
            if tag in self._dropped:
                del self._dropped[self._dropped.index(tag) :]
        elif tag == "a":
            if self._links and (address := self._links.pop()):
                self._text(f" ({address})")
        elif (name := self._name(tag)) in self._open:
            self._close_to(len(self._open) - 1 - self._open[::-1].index(name))
        return end

    def _data(self, source: str) -> None:
        if source and not self._dropped:
            self._text(html.unescape(source))

    def _text(self, text: str) -> None:
        self._written.append(html.escape(visible(text), quote=False))

    def _element(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "img" and not IMAGE.fullmatch(attributes.get("src", "")):
            self._text(f"[Bild: {attributes.get('alt') or 'ohne Beschreibung'}]")
            return
        name = self._name(tag)
        kept = "".join(_attribute(tag, key, value) for key, value in attributes.items())
        if tag == "img" and "alt" not in attributes:
            kept += ' alt="Bild ohne Beschreibung"'
        self._written.append(f"<{name}{kept}>")
        if tag not in _VOID:
            self._open.append(name)

    def _name(self, tag: str) -> str:
        if self._deeper and len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            return f"h{min(int(tag[1]) + self._deeper, 6)}"
        return tag

    def _close_to(self, depth: int) -> None:
        while len(self._open) > depth:
            self._written.append(f"</{self._open.pop()}>")


def _attributes(source: str) -> dict[str, str]:
    """Return attributes by name; of two with one name the first, as browsers do."""
    found: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), html.unescape("".join(values)))
    return found


def _attribute(tag: str, name: str, value: str) -> str:
    if name == "src":
        kept = value if tag == "img" else ""
    elif name == "style":
        kept = ";".join(filter(None, map(_declaration, value.split(";"))))
    elif name in _NUMBERS:
        kept = value if value.isascii() and value.isdigit() and len(value) < 4 else ""
    else:
        kept = visible(value) if name in _PLAIN else ""
    if not kept and name not in {"alt", "open"}:
        return ""
    return f' {name}="{html.escape(kept)}"'


def _declaration(text: str) -> str:
    """Return a harmless declaration: it can neither load anything nor leave its place."""
    name, _, value = text.partition(":")
    name, value = name.strip().lower(), value.strip().lower()
    functions = set(re.findall(r"([\w-]*)\s*\(", value))
    if name not in _STYLES or not _STYLE.fullmatch(value) or functions - _FUNCTIONS:
        return ""
    return f"{name}:{value}"


def _address(text: str) -> str:
    """Return where a link leads, if it leads out of the page."""
    text = "".join(text.split())
    return text if re.match(r"(?:https?|mailto):", text, re.IGNORECASE) else ""
