"""JupyterLab's server as ``leitstand lab`` starts it: open sooner, and otherwise its own."""

import sys
from importlib import import_module
from typing import NoReturn

from leitstand.notebook.imports import without_grammar

__all__ = ["main"]


def main() -> None:
    """Serve JupyterLab with the arguments of the process, until it is ended.

    jsonschema is imported without its grammar of international addresses (RFC 3987), which no
    schema of JupyterLab or of its events uses. Node.js, with which JupyterLab asks Yarn for a
    registry of packages at each start, is taken for not installed: only building extensions wants
    it. What passes between the server and its kernels is encrypted where ZeroMQ can do so.
    """
    with without_grammar(others=()):
        import_module("jsonschema")
    import_module("jupyterlab.commands").which = _not_installed  # type: ignore[attr-defined]
    arguments = sys.argv[1:]
    if import_module("zmq").has("curve"):
        arguments.append("--KernelManager.transport_encryption=auto")
    sys.exit(import_module("jupyterlab.labapp").main(arguments))


def _not_installed(command: str, *_: object, **__: object) -> NoReturn:
    raise ValueError(f"{command} is not looked for")


if __name__ == "__main__":
    main()
