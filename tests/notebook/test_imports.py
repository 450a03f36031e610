"""Imports without what nobody needs."""

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


def test_the_notebook_of_a_run_is_checked_without_compiling_the_schema():
    program = (
        "from leitstand.notebook.imports import import_papermill\n"
        "import_papermill()\n"
        "import nbformat, nbformat.validator\n"
        "try:\n    nbformat.validate({'cells': [{}], 'nbformat': 4, 'nbformat_minor': 5})\n"
        "except nbformat.ValidationError:\n    print('checked')\n"
        "print({key[0] for key in nbformat.validator.validators})"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "checked\n{'jsonschema'}\n" == ended.stdout


def test_papermill_knows_our_engine_and_gets_its_http_client_when_it_asks_for_it():
    program = (
        "import sys\n"
        "from leitstand.notebook.imports import import_papermill\n"
        "import_papermill()\n"
        "from papermill.engines import papermill_engines\n"
        "from papermill import iorw\n"
        "print(papermill_engines.get_engine('leitstand').__name__)\n"
        "print('urllib3' in sys.modules)\n"
        "import requests\n"
        "print(requests.get is iorw.requests.get, sys.modules['requests'] is not requests)\n"
        "from requests.exceptions import HTTPError\n"
        "import requests.adapters\n"
        "print(requests.exceptions.HTTPError is HTTPError, requests is sys.modules['requests'])\n"
        "import entrypoints\n"
        "print('leitstand' in {e.name for e in entrypoints.get_group_all('papermill.engine')})\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "" == ended.stderr
    assert ["LeitstandEngine", "False", "True True", "True True", "True"] == (
        ended.stdout.splitlines()
    )
