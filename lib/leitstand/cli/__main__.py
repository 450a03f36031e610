"""``python -m leitstand.cli`` is the command ``leitstand``."""

from leitstand.cli import main

main()
