"""How an image misbehaves: errors and delays by count, never by chance."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from leitstand.sandbox.images.app.lines import write_line

__all__ = ["BehaviourMiddleware"]

_EXEMPT = ("/healthz", "/smoke")
_RETRY_SECONDS = 300


class BehaviourMiddleware:
    """Fails or delays every n-th request, as the settings say.

    Probes and the smoke test are exempt: a bad image gets ready and passes its smoke test, so
    that only the analysis of real traffic can find it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._count = itertools.count(1)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request, with the id of this instance in a header."""
        response = self._answer(request)
        response["X-Sandbox-Instance"] = settings.INSTANCE
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if request.path in _EXEMPT:
            return self._get_response(request)
        if settings.MAINTENANCE:
            response = render(request, "maintenance.html", status=503)
            response["Retry-After"] = str(_RETRY_SECONDS)
            return response
        number = next(self._count)
        if settings.DELAY_EVERY and number % settings.DELAY_EVERY == 0:
            time.sleep(settings.DELAY_MS / 1000)
        if settings.ERROR_EVERY and number % settings.ERROR_EVERY == 0:
            write_line("ERROR", "Unbehandelter Fehler in der Anwendung", path=request.path)
            return HttpResponse("Interner Fehler\n", status=500, content_type="text/plain")
        return self._get_response(request)
