"""Opens JupyterLab as a page says, but without a browser; ends it once it has answered.

What stands behind is ``lab`` and its arguments. Exit code 0 means that it served the runbook.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

SECONDS = 60.0


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        process = subprocess.Popen(
            ["leitstand", *sys.argv[1:], "--no-browser"],
            env={**os.environ, "JUPYTER_RUNTIME_DIR": place},
            stdin=subprocess.DEVNULL,
        )
        try:
            wanted = {f"{name}.ipynb" for name in sys.argv[2:]}
            return 0 if answered(Path(place), process, wanted) else 1
        finally:
            process.terminate()
            process.wait(30)


def answered(place: Path, process: "subprocess.Popen[bytes]", wanted: set[str]) -> bool:
    """Wait for the server whose runtime directory that is; return whether it has these files."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        for path in place.glob("jpserver-*.json"):
            with suppress(OSError, ValueError):  # half written, or not yet listening
                server = json.loads(path.read_text("utf-8"))
                address = f"{server['url']}api/contents?token={server['token']}"
                with urllib.request.urlopen(address, timeout=5) as response:
                    listing = json.load(response)
                return wanted <= {entry["name"] for entry in listing["content"]}
        time.sleep(0.02)
    return False


if __name__ == "__main__":
    sys.exit(main())
