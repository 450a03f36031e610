"""The table of all kinds. See ``core/kinds.py`` for what the columns mean.

Sources: the discovery documents of the APIs; what cannot be changed in place and the limits of
figures from the reference pages of each resource.
"""

from collections.abc import Mapping

from leitstand.core.kinds import Kind
from leitstand.core.kinds_of_data import DATABASE, NETWORK, REDIS, SECRETS
from leitstand.core.kinds_of_services import IDENTITY, OPERATIONS, SERVICES

__all__ = ["KINDS"]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (*NETWORK, *DATABASE, *REDIS, *SECRETS, *SERVICES, *IDENTITY, *OPERATIONS)
}
