"""The command ``leitstand``, also as ``python -m leitstand``.

Where a run will want a kernel, its process starts before the command line is even imported.
"""

import sys

from leitstand.notebook.kernel_process import dismiss, prepare

__all__ = ["RUNNING", "main"]

RUNNING = ("resume", "run")
"""Commands that execute a runbook in this process."""


def main() -> None:
    """Run the command and end the process with its exit code."""
    if sys.argv[1:2] and sys.argv[1] in RUNNING and not {"--help", "-h"} & set(sys.argv):
        prepare()
    from leitstand.notebook.imports import import_lightly

    import_lightly()
    try:
        from leitstand.cli import main

        main()
    finally:
        dismiss()


if __name__ == "__main__":
    main()
