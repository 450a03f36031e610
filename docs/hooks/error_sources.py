"""What the sources of Leitstand say of its errors: their classes, exit codes and German texts.

The sources are read and not run: an error's texts stand where it is made, and importing every
module would take seconds that every build of the site would wait for.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import leitstand.core.errors as errors

__all__ = ["ErrorClass", "Sources", "Text"]

ROOTS = {name: getattr(errors, name) for name in errors.__all__ if name != "ExitCode"}
"""The classes of ``leitstand.core.errors``; all others are below them."""

NOT_SHOWN = {"NothingThere", "NoSessionLeft"}
"""They say why a source of a triage is silent, and end no run."""

GAP = "…"


@dataclass(frozen=True)
class Text:
    """What an error tells, with ``…`` for what only a run knows.

    Attributes:
        message: What is wrong.
        advice: What to do.
    """

    message: str
    advice: str


@dataclass(frozen=True)
class ErrorClass:
    """A class of errors.

    Attributes:
        module: Where it is defined, below ``leitstand``.
        name: Its name.
        exit_code: What the command ends with.
        texts: What it can tell; none where the code computes it.
    """

    module: str
    name: str
    exit_code: int
    texts: tuple[Text, ...]


class _Module:
    """One source, and what stands in it."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.body = ast.parse(source).body
        nodes = [node for statement in self.body for node in ast.walk(statement)]
        self.called = [called for node in nodes for called in _called(node)]
        self._imports = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in nodes
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        self._values = {
            _assigned(statement): statement.value
            for statement in self.body
            if isinstance(statement, ast.Assign)
        }

    def full(self, node: ast.expr) -> str:
        """Full name of what the module calls so; empty where it is no name."""
        if isinstance(node, ast.Attribute):
            return f"{self.full(node.value)}.{node.attr}"
        if not isinstance(node, ast.Name):
            return ""
        return self._imports.get(node.id, f"{self.name}.{node.id}")

    def told(self, arguments: Sequence[ast.expr]) -> Text | None:
        """The texts among arguments, which come last; None where there are none."""
        if len(arguments) < 2:
            return None
        message, advice = (_tidy(self._rendered(argument)) for argument in arguments[-2:])
        return Text(message, advice) if " " in message.replace(GAP, "").strip() else None

    def _rendered(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=str(text)):
                return re.sub(r"(?<!\$)\{\w+\}", GAP, text)
            case ast.JoinedStr(values=values):
                return "".join(map(self._rendered, values))
            case ast.IfExp(body=body, orelse=orelse):
                texts = [text for text in map(self._rendered, (body, orelse)) if text.strip(GAP)]
                return " / ".join(texts) or GAP
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._rendered(left) + self._rendered(right)
            case ast.Call(func=ast.Attribute(value=value, attr="strip" | "replace")):
                return self._rendered(value)
            case ast.Name(id=name) if isinstance(self._values.get(name), ast.Constant):
                return self._rendered(self._values[name])
        return GAP


class Sources:
    """The sources below a package; read-only.

    Args:
        package: Directory of the package ``leitstand``.
    """

    def __init__(self, package: Path) -> None:
        texts = {
            _dotted(path, package): path.read_text("utf-8")
            for path in sorted(package.rglob("*.py"))
            if path.relative_to(package).parts[0] != "sandbox"
        }
        made = re.compile(rf"\b(?:{'|'.join(_below(ROOTS, texts.values()))})[(,]")
        self._modules = [_Module(name, text) for name, text in texts.items() if made.search(text)]
        self._classes = {
            f"{module.name}.{node.name}": (module, node)
            for module in self._modules
            for node in module.body
            if isinstance(node, ast.ClassDef)
        }

    def classes(self) -> tuple[ErrorClass, ...]:
        """All classes that a user can meet, by exit code and name."""
        found = []
        for full, (module, node) in self._classes.items():
            root = self._root(full)
            if root is None or node.name.startswith("_") or node.name in {*ROOTS, *NOT_SHOWN}:
                continue
            texts = self._own(full) or self._made.get(full, ())
            if texts or not self._only_a_parent(full):
                place = module.name.removeprefix("leitstand.")
                found.append(ErrorClass(place, node.name, int(ROOTS[root].exit_code), texts))
        return tuple(sorted(found, key=lambda error: (error.exit_code, error.name, error.module)))

    def without_class(self) -> Mapping[int, tuple[Text, ...]]:
        """What is told by errors that have no class of their own, by exit code."""
        found: dict[int, tuple[Text, ...]] = {}
        for name, root in ROOTS.items():
            texts = self._made.get(f"leitstand.core.errors.{name}", ())
            code = int(root.exit_code)
            found[code] = tuple(dict.fromkeys((*found.get(code, ()), *texts)))
        return found

    def _root(self, full: str) -> str | None:
        """Name of the class of ``leitstand.core.errors`` that a class is."""
        module, _, name = full.rpartition(".")
        if module == "leitstand.core.errors":
            return name if name in ROOTS else None
        return next(filter(None, map(self._root, self._bases(full))), None)

    def _bases(self, full: str) -> Iterator[str]:
        if full in self._classes:
            module, node = self._classes[full]
            yield from map(module.full, node.bases)

    def _only_a_parent(self, full: str) -> bool:
        """Whether a class stands above others and is never made itself."""
        made = any(full == module.full(first) for module, first, _ in self._called)
        return not made and any(full in self._bases(other) for other in self._classes)

    def _own(self, full: str) -> tuple[Text, ...]:
        """What the constructor of a class tells, or the one that it inherits."""
        if full not in self._classes:
            return ()
        module, node = self._classes[full]
        for init in node.body:
            if isinstance(init, ast.FunctionDef) and init.name == "__init__":
                calls = (c for c in ast.walk(init) if isinstance(c, ast.Call) and _is_init(c))
                told = tuple(filter(None, (module.told(call.args) for call in calls)))
                return told or _listed(module, init)
        return next(filter(None, map(self._own, self._bases(full))), ())

    @cached_property
    def _called(self) -> Sequence[tuple[_Module, ast.expr, Sequence[ast.expr]]]:
        return [(module, *called) for module in self._modules for called in module.called]

    @cached_property
    def _made(self) -> Mapping[str, tuple[Text, ...]]:
        """What is told where an error is made, by the full name of its class."""
        found: dict[str, tuple[Text, ...]] = {}
        for module, first, arguments in self._called:
            full = module.full(first)
            text = module.told(arguments) if self._root(full) else None
            if text is not None:
                found[full] = tuple(dict.fromkeys((*found.get(full, ()), text)))
        return found


def _below(names: Iterable[str], texts: Iterable[str]) -> set[str]:
    """Return the names of classes and of all classes below them."""
    bases = {
        name: set(re.findall(r"\w+", parents))
        for text in texts
        for name, parents in re.findall(r"^class (\w+)\(([^)]*)\)", text, re.MULTILINE)
    }
    found = set(names)
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return found


def _dotted(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _is_init(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"


def _listed(module: _Module, init: ast.FunctionDef) -> tuple[Text, ...]:
    """Return what stands in a table of the module from which a constructor takes its texts."""
    names = {node.id for node in ast.walk(init) if isinstance(node, ast.Name)}
    told = [
        module.told(pair.elts)
        for statement in module.body
        if _assigned(statement) in names
        for pair in ast.walk(statement)
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2
    ]
    return tuple(dict.fromkeys(filter(None, told)))


def _called(node: ast.AST) -> Iterator[tuple[ast.expr, Sequence[ast.expr]]]:
    """Yield what a node calls, or what stands first in a triple, with what follows."""
    if isinstance(node, ast.Call):
        yield node.func, node.args
    if isinstance(node, ast.Tuple) and len(node.elts) == 3:
        yield node.elts[0], node.elts[1:]


def _assigned(statement: ast.stmt) -> str:
    """Return the name that a statement gives a value, or nothing."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return next((target.id for target in targets if isinstance(target, ast.Name)), "")


def _tidy(text: str) -> str:
    """Return a text without a full stop after a gap, and with one gap where there are several."""
    text = re.sub(rf"{GAP}(?:[.\s]*{GAP})+", GAP, text)
    return re.sub(rf"{GAP}\.(?=\s|$)", GAP, text).strip()
