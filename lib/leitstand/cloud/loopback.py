"""Whether an address lies on this machine."""

import ipaddress

__all__ = ["NotLoopback", "check_loopback"]


class NotLoopback(ValueError):
    """The sandbox was given an address that is not on this machine."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is not a loopback address")
        self.address = address


def check_loopback(address: str) -> None:
    """Raise ``NotLoopback`` unless an address ``HOST:PORT`` lies on the loopback interface."""
    host = address.rstrip("/").rpartition(":")[0]
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise NotLoopback(address)
