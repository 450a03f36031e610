"""A rehearsal touches nothing outside this machine, and no credential on it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.command import Command

ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
LOOPBACK = re.compile(r"127\.|::1$|::ffff:127\.|0\.0\.0\.0$|::$")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_release_in_the_sandbox_calls_no_outside_address_and_reads_no_credential(
    leitstand: Command, tmp_path: Path
) -> None:
    secret = tmp_path / "credentials.json"
    secret.write_text('{"type": "authorized_user", "refresh_token": "echt"}', "utf-8")
    leitstand.extra = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(secret),
        "GOOGLE_CLOUD_PROJECT": "ein-echtes-projekt",
        "https_proxy": "http://192.0.2.1:3128",
        "http_proxy": "http://192.0.2.1:3128",
        "HTTPS_PROXY": "http://192.0.2.1:3128",
        "HTTP_PROXY": "http://192.0.2.1:3128",
    }
    trace = tmp_path / "trace"
    command = [
        "strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,open,openat",
        "-o", str(trace), sys.executable, "-m", "leitstand", "run", "release", "--apply",
    ]  # fmt: skip
    ended = subprocess.run(
        command, env=leitstand.environment, cwd=leitstand.project, capture_output=True, text=True
    )
    assert 0 == ended.returncode, ended.stderr
    calls = trace.read_text("utf-8", errors="replace")
    addresses = {one or other for one, other in ADDRESS.findall(calls)}
    assert "127.0.0.1" in addresses
    assert set() == {address for address in addresses if not LOOPBACK.match(address)}
    assert "credentials.json" not in calls
    assert "application_default_credentials" not in calls
