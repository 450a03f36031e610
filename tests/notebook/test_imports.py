"""Imports without what nobody needs."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path


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


def test_the_server_of_jupyterlab_is_its_own_without_a_grammar_and_yarn_that_it_never_uses(
    tmp_path: Path,
):
    (tmp_path / "node").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tmp_path / "node").chmod(0o755)
    program = (
        "import sys\n"
        "from leitstand.notebook.lab_main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code)\n"
        "print('jupyterlab.labapp' in sys.modules, 'lark' in sys.modules)\n"
        "from jsonschema import Draft7Validator\n"
        "formats = Draft7Validator.FORMAT_CHECKER.checkers\n"
        "print([name for name in ('uri', 'date-time', 'iri') if name in formats])\n"
        "from importlib.util import find_spec\n"
        "print(find_spec('rfc3987_syntax') is not None)\n"  # whoever wants it gets it
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "--version"], capture_output=True, text=True,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert "" == ended.stderr
    version, *printed = ended.stdout.splitlines()
    assert metadata.version("jupyterlab") == version
    assert ["0", "True False", "['uri', 'date-time']", "True"] == printed
    assert not (tmp_path / "asked").exists()
