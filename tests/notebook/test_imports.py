"""Imports without the grammar."""

import subprocess
import sys


def test_notebooks_are_read_and_checked_without_the_grammar():
    program = (
        "import sys\n"
        "from leitstand.notebook.imports import without_grammar\n"
        "with without_grammar():\n    import nbformat\n"
        "assert 'lark' not in sys.modules and 'rfc3987_syntax' not in sys.modules\n"
        "try:\n    nbformat.validate({'cells': [{}], 'nbformat': 4, 'nbformat_minor': 5})\n"
        "except nbformat.ValidationError:\n    print('checked')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "checked\n" == ended.stdout
