"""compute.urlMaps: which backend service a host and a path belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leitstand.sandbox.errors import unimplemented
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.compute import chain, references
from leitstand.sandbox.rest.compute.refusals import invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["UrlMaps"]

_HOST = re.compile(r"(\*|\*?[-.a-z0-9]*[a-z0-9])(:\d+)?")
_PATH = re.compile(r"/[^*?#]*|/([^*?#]*/)?\*")
# The actions of a URL map that the sandbox does not have.
_ACTIONS = ("defaultRouteAction", "defaultUrlRedirect", "headerAction", "routeAction")
_RULES = (*_ACTIONS, "urlRedirect", "routeRules", "customErrorResponsePolicy")


class UrlMaps(Resource):
    """URL maps with host rules and path rules; their tests are run at every change."""

    path = "urlMaps"
    full_name = "projects/{project}/global/urlMaps/{urlMap}"
    kind = "compute#urlMap"
    immutable = ("name",)
    versioned = "fingerprint"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Every host rule has its path matcher, every pattern is one, and the tests pass."""
        for part in _parts(body):
            for field in _RULES:
                if field in part:
                    raise unimplemented(f"{field} in URL maps")
        super().check(name, body, before)
        if not body.get("defaultService"):
            raise required("defaultService")
        self._check_hosts(body)
        for index, matcher in enumerate(body.get("pathMatchers", ())):
            self._check_paths(f"pathMatchers[{index}]", matcher)
        for index, test in enumerate(body.get("tests", ())):
            self._try(name, body, test, f"tests[{index}]")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """The services in its tests become selfLinks, too."""
        super().complete(name, body, before)
        for test in body.get("tests", ()):
            if test.get("service"):
                full = references.full_name(self.park, name, test["service"])
                test["service"] = self.park.link(full)

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The public listener answers accordingly."""
        self.table[name] = body
        chain.refresh(self.park)

    @staticmethod
    def _check_hosts(body: Body) -> None:
        known = {matcher.get("name") for matcher in body.get("pathMatchers", ())}
        seen: set[str] = set()
        for index, rule in enumerate(body.get("hostRules", ())):
            where = f"hostRules[{index}]"
            if rule.get("pathMatcher") not in known:
                why = "The path matcher is not defined in the URL map."
                raise invalid_value(f"{where}.pathMatcher", rule.get("pathMatcher", ""), why)
            if not rule.get("hosts"):
                raise required(f"{where}.hosts")
            for host in rule["hosts"]:
                if not _HOST.fullmatch(host):
                    raise invalid_value(f"{where}.hosts", host, "It is not a valid host pattern.")
                if host in seen:
                    why = "The host is matched by more than one host rule."
                    raise invalid_value(f"{where}.hosts", host, why)
                seen.add(host)

    @staticmethod
    def _check_paths(where: str, matcher: Body) -> None:
        if not matcher.get("name"):
            raise required(f"{where}.name")
        if not matcher.get("defaultService"):
            raise required(f"{where}.defaultService")
        seen: set[str] = set()
        for number, rule in enumerate(matcher.get("pathRules", ())):
            field = f"{where}.pathRules[{number}]"
            if not rule.get("service"):
                raise required(f"{field}.service")
            for path in rule.get("paths", ()):
                if not _PATH.fullmatch(path):
                    why = (
                        "A path must start with '/', and '*' is allowed at the end after '/' only."
                    )
                    raise invalid_value(f"{field}.paths", path, why)
                if path in seen:
                    why = "The path is matched by more than one path rule."
                    raise invalid_value(f"{field}.paths", path, why)
                seen.add(path)

    def _try(self, name: str, body: Body, test: Body, where: str) -> None:
        found = chain.service_for(body, test.get("host", ""), test.get("path", "/"))
        wanted = test.get("service", "")
        one, other = (references.full_name(self.park, name, url) for url in (found, wanted))
        if one != other:
            why = f"Test failure: Expect URL to be mapped to '{wanted}', but was '{found}'."
            raise invalid_value(f"{where}.service", wanted, why)


def _parts(body: Body) -> Iterator[Body]:
    yield body
    for matcher in body.get("pathMatchers", ()):
        yield matcher
        yield from matcher.get("pathRules", ())
