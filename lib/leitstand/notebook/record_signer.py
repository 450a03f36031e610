"""Whose signature stands under the records of this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.notebook.kernel_process import KEY_VARIABLE
from leitstand.project import state_directory

if TYPE_CHECKING:
    from leitstand.audit.signing import Signer

__all__ = ["own_signer", "signing_key"]


def signing_key() -> Path | None:
    """Return the path of the private key of this machine; None where a variable holds it.

    The variable is for a container, which has no lasting state directory.
    """
    return None if os.environ.get(KEY_VARIABLE) else state_directory() / "records.pem"


def own_signer() -> "Signer":
    """Return what signs records here; a key in a file is made on first use.

    Raises:
        BadKey: variable or file hold no Ed25519 key.
        OpenKeyFile: others can read the file.
        OSError: the file can neither be read nor made.
    """
    from leitstand.audit.signing import FileSigner, TextSigner

    path = signing_key()
    if path is None:
        return TextSigner(os.environ[KEY_VARIABLE], KEY_VARIABLE)
    return FileSigner(path)
