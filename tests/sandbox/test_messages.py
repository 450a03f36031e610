"""A process that needs the messages of an API does not wait for its clients."""

import json
import subprocess
import sys

import pytest

from leitstand.sandbox.messages import messages_only

PROBE = """
import json, sys
from leitstand.sandbox.contract import LATE_PACKAGES, PACKAGES
from leitstand.sandbox.messages import messages_only
messages_only((*PACKAGES, *LATE_PACKAGES))
from google.cloud import logging_v2, run_v2
from google.cloud.monitoring_v3 import types
service = run_v2.Service(name="web")
clients = [name for name in sys.modules if ".services" in name or name == "google.auth"]
print(json.dumps([service.name, types.TimeSeries.__name__, clients, hasattr(run_v2, "Nothing")]))
"""


def test_the_messages_are_there_and_no_client_is_imported():
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=True, text=True)
    assert ["web", "TimeSeries", [], False] == json.loads(done.stdout)


def test_a_package_that_is_imported_already_stays_as_it_is():
    from google.cloud import run_v2

    messages_only(("google.cloud.run_v2",))
    assert run_v2 is sys.modules["google.cloud.run_v2"]
    assert run_v2.ServicesClient.__name__ == "ServicesClient"


def test_a_package_that_is_not_installed_is_refused():
    with pytest.raises(ModuleNotFoundError, match=r"google\.cloud\.nothing_v1"):
        messages_only(("google.cloud.nothing_v1",))
    assert "google.cloud.nothing_v1" not in sys.modules
