"""The command ``leitstand``, also as ``python -m leitstand``.

Where a run will want a kernel, its process starts before the command line is even imported.
"""

import os
import sys

from leitstand.notebook.kernel_process import dismiss, prepare

__all__ = ["RUNNING", "main"]

RUNNING = ("resume", "run")
"""Commands that execute a runbook in this process."""


def main() -> None:
    """Run the command and end the process with its exit code."""
    _open_streams()
    if sys.argv[1:2] and sys.argv[1] in RUNNING and not {"--help", "-h"} & set(sys.argv):
        prepare()
    from leitstand.notebook.imports import import_lightly

    import_lightly()
    try:
        from leitstand.cli import main

        main()
    finally:
        dismiss()


def _open_streams() -> None:
    """Let the null device stand for each standard stream that was closed.

    Otherwise what is opened next would take its descriptor, and get what is written to it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115  # as long as we live
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


if __name__ == "__main__":
    main()
