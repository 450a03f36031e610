"""``leitstand lab``: JupyterLab on working copies of the runbooks."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from leitstand import project
from leitstand.cli.german import Command
from leitstand.cli.output import line
from leitstand.notebook.template import find_template, list_templates

__all__ = ["add_to", "kernel_settings", "lab_command", "working_copy"]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(lab)


def lab(
    runbook: Annotated[
        str, typer.Argument(metavar="RUNBOOK", help="Name; ohne ihn alle Runbooks.")
    ] = "",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Den Browser öffnen.")
    ] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 heißt: ein freier.")] = 0,
) -> None:
    """Öffnet JupyterLab auf Arbeitskopien; die Vorlagen bleiben, wie sie sind."""
    from leitstand.notebook.run_directory import RUN_VARIABLE

    root = project.project_root()
    templates = project.runbooks_directory()
    sources = [find_template(runbook, templates)] if runbook else list_templates(templates)
    copy = working_copy(sources, project.state_directory() / "lab")
    line(f"Arbeitskopien: {copy}")
    environment = {
        **{name: value for name, value in os.environ.items() if name != RUN_VARIABLE},
        "LEITSTAND_PROJECT": str(root),
        "LEITSTAND_HOME": str(project.state_directory()),
        "IPYTHONDIR": str(kernel_settings(copy.parent)),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": os.pathsep.join(
            [
                str(quiet_settings(copy.parent)),
                *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")]),
            ]
        ),
    }
    opened = copy / sources[0].name if runbook else None
    command = lab_command(copy, opened, browser=browser, port=port)
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)


def working_copy(sources: list[Path], directory: Path) -> Path:
    """Copy the notebooks to a new private directory and return it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, 1000):
        copy = directory / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{number}"
        try:
            copy.mkdir(mode=0o700)
            break
        except FileExistsError:
            continue
    for source in sources:
        shutil.copyfile(source, copy / source.name)
        (copy / source.name).chmod(0o600)
    return copy


def quiet_settings(directory: Path) -> Path:
    """Write settings by which JupyterLab asks for no news and no build; return their directory."""
    settings = directory / "settings" / "labconfig"
    settings.mkdir(mode=0o700, parents=True, exist_ok=True)
    asked = {"fetchNews": "false", "checkForUpdates": False}
    overrides = {"@jupyterlab/apputils-extension:notification": asked}
    (settings / "default_setting_overrides.json").write_text(json.dumps(overrides), "utf-8")
    page = {"buildAvailable": False}  # it is used as it was installed
    (settings / "page_config.json").write_text(json.dumps(page), "utf-8")
    return directory / "settings"


def kernel_settings(directory: Path) -> Path:
    """Write the settings of kernels, which ignore the operator's own as ``leitstand run`` does."""
    from leitstand.notebook.early import STARTUP

    profile = directory / "ipython" / "profile_default"
    (profile / "startup").mkdir(mode=0o700, parents=True, exist_ok=True)
    (profile / "startup" / "00-leitstand.py").write_text(STARTUP, encoding="utf-8")
    settings = "c = get_config()\nc.HistoryManager.enabled = False\n"
    (profile / "ipython_kernel_config.py").write_text(settings, encoding="utf-8")
    return directory / "ipython"


def lab_command(copy: Path, opened: Path | None, *, browser: bool, port: int) -> list[str]:
    """Return the command that serves JupyterLab on loopback, with a token of its own."""
    command = [
        sys.executable,
        "-m",
        "leitstand.notebook.lab_main",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.allow_remote_access=False",
        f"--ServerApp.root_dir={copy}",
        "--ServerApp.log_level=WARN",
        # It asks nobody for news, updates or extensions.
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    if os.geteuid() == 0:
        command.append("--allow-root")
    if opened is not None:
        command.append(f"--LabApp.default_url=/lab/tree/{opened.name}")
    if not browser:
        command.append("--no-browser")
    return command
