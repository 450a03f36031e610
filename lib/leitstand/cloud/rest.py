"""One client for all of Google's REST APIs, made from their discovery documents.

Documents are parsed, and collections built, when they are first used.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from leitstand.cloud.call_log import CallLog
from leitstand.cloud.documents import Document, Method, document
from leitstand.cloud.errors import CloudUnreachable, QuotaExceeded
from leitstand.cloud.rest_errors import translated_rest

if TYPE_CHECKING:
    from tenacity import Retrying

__all__ = ["Body", "Rest"]

Body = dict[str, Any]
T = TypeVar("T")

_READS = 3
_PIECE = 16 * 1024 * 1024
"""Bytes of a content that are asked for at once."""


class Rest:
    """Calls methods of REST APIs; may be used by several threads at once.

    Args:
        make_http: Makes an HTTP client; each is used by one thread at a time, and then again.
        root: Address in whose place ``{root}/{api}/`` stands for ``https://{api}.googleapis.com/``;
            without one the documents' own addresses are called.
        pause: Seconds before a failed read is tried again; doubled each time.
        reads: How often a call that only reads is tried.
        log: Notes the calls that may change something.
    """

    def __init__(
        self,
        make_http: Callable[[], Any],
        root: str | None = None,
        pause: float = 0.5,
        reads: int = _READS,
        log: CallLog | None = None,
    ) -> None:
        self._make_http = make_http
        self._root = root
        self._idle: list[Any] = []
        self._built: dict[str, Any] = {}
        self._building = threading.Lock()
        self._counting = threading.Lock()
        self._calls = 0
        self._pause = pause
        self._tries = reads
        self._log = log
        # It warns of every 403, which is said here as an error already.
        logging.getLogger("googleapiclient.http").setLevel(logging.ERROR)

    @cached_property
    def _reads(self) -> "Retrying":
        """Tries what only reads again."""
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_exponential,
            wait_random,
        )

        return Retrying(
            retry=retry_if_exception_type((CloudUnreachable, QuotaExceeded)),
            stop=stop_after_attempt(self._tries),
            # Threads that were refused together must not come back together.
            wait=wait_exponential(self._pause) + wait_random(0, self._pause),
            reraise=True,
        )

    @property
    def calls(self) -> int:
        """How many calls were sent so far."""
        return self._calls

    def document(self, api: str) -> Document:
        """Return the discovery document of an API such as ``compute.v1``."""
        return document(api)

    def call(
        self,
        api: str,
        collection: str,
        method: str,
        name: str,
        *,
        what: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        if_match: str = "",
    ) -> Body:
        """Call a method and return its answer; ``{}`` where it has none.

        A method that only reads is tried again when no answer came or calls came too fast.

        Args:
            api: The document, e.g. ``compute.v1``.
            collection: Where the method stands; one above is taken where it lacks the method.
            method: Its name, e.g. ``insert``.
            name: Full name of the resource that it is about, also of one yet to be made.
            what: Names the call in German, for errors.
            body: The body of the request; ``{}`` is sent where the method expects one.
            query: Parameters of the query.
            if_match: The version that the resource must still have, for APIs that take it from the
                header of that name only (RFC 9110, section 13.1.1).

        Raises:
            UnknownMethod: there is no such method.
            ValueError: ``name`` does not fit the method's path.
            CloudRefused: the API said no; sub classes name the cause.
            CloudUnreachable: no answer.
        """
        found = document(api).method(collection, method)
        values = found.path_values(name)
        if values is None:
            raise ValueError(f"{name} does not fit {found.path} of {api} {collection}.{method}")
        arguments: dict[str, Any] = {**values, **(query or {})}
        if found.request:
            arguments["body"] = dict(body or {})
        if found.reads:
            return self.again(partial(self._send, api, found, arguments, what, if_match))
        answer: Body = {}
        try:
            answer = self._send(api, found, arguments, what, if_match)
        finally:
            if self._log is not None:
                method_name = f"{api.partition('.')[0]}.{collection}.{method}"
                self._log.note(method_name, name, _operation(answer))
        return answer

    def pages(
        self,
        api: str,
        collection: str,
        name: str,
        *,
        what: str,
        method: str = "list",
        query: Mapping[str, Any] | None = None,
        token: str = "nextPageToken",
    ) -> Iterator[Body]:
        """Yield the answers of a method that lists, page by page; each is one call.

        Arguments and errors as of ``call``; ``token`` is the field that leads to the next page.
        """
        following = ""
        while True:
            more = {"pageToken": following} if following else {}
            sent = {**(query or {}), **more}
            answer = self.call(api, collection, method, name, what=what, query=sent)
            yield answer
            following = str(answer.get(token, ""))
            if not following:
                return

    def download(
        self,
        api: str,
        collection: str,
        name: str,
        target: BinaryIO,
        *,
        what: str,
        query: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the content behind a collection's method ``get`` to a file, in pieces.

        Arguments and errors as of ``call``.
        """
        from googleapiclient.http import MediaIoBaseDownload

        values = document(api).method(collection, "get").path_values(name)
        if values is None:
            raise ValueError(f"{name} does not fit {api} {collection}.get")
        named = {_python(key): value for key, value in {**values, **(query or {})}.items()}
        with translated_rest(what), self._http() as http:
            self._count()
            request = self._collection(api, collection).get_media(**named)
            request.http = http
            pieces, over = MediaIoBaseDownload(target, request, chunksize=_PIECE), False
            while not over:
                _, over = pieces.next_chunk(num_retries=self._tries - 1)

    def again(self, call: Callable[[], T]) -> T:
        """Call what may be repeated: as often as any call that only reads, and with its pauses."""
        return call() if self._tries == 1 else self._reads(call)

    @contextmanager
    def sending(self, api: str, collection: str, what: str) -> Iterator[tuple[Any, Any]]:
        """Lend the client of a collection and an HTTP client for one request of another kind.

        Raises:
            CloudRefused: the API said no; sub classes name the cause.
            CloudUnreachable: no answer.
        """
        with translated_rest(what), self._http() as http:
            self._count()
            yield self._collection(api, collection), http

    def _count(self) -> None:
        with self._counting:
            self._calls += 1

    def _send(
        self, api: str, method: Method, arguments: Mapping[str, Any], what: str, if_match: str
    ) -> Body:
        named = {_python(key): value for key, value in arguments.items()}
        with translated_rest(what), self._http() as http:
            self._count()
            request = getattr(self._collection(api, method.collection), method.name)(**named)
            if if_match:
                request.headers["If-Match"] = if_match
            answer = request.execute(http=http)
        return answer if isinstance(answer, dict) else {}

    @contextmanager
    def _http(self) -> Iterator[Any]:
        """Lend an HTTP client; when a connection broke, those as old are not lent again either."""
        from googleapiclient.errors import HttpError

        try:
            http = self._idle.pop()
        except IndexError:
            http = self._make_http()
        try:
            yield http
        except HttpError:
            self._idle.append(http)
            raise
        except BaseException:
            self._idle.clear()
            raise
        self._idle.append(http)

    def _collection(self, api: str, path: str) -> Any:
        """Return the client of a collection; building one takes milliseconds, so it is kept."""
        key = f"{api}/{path}"
        if key not in self._built:
            with self._building:
                node = self._service(api)
                for part in path.split("."):
                    node = getattr(node, part)()
                self._built[key] = node
        return self._built[key]

    def _service(self, api: str) -> Any:
        if api not in self._built:
            from googleapiclient.discovery import build_from_document

            content = document(api).without_schemas()
            options = {}
            if self._root is not None:
                root = f"{self._root}/{content['name']}/"
                # Contents go to the document's root, whatever the endpoint is.
                content = {**content, "rootUrl": root}
                options = {"client_options": {"api_endpoint": root + content["servicePath"]}}
            self._built[api] = build_from_document(content, http=self._make_http(), **options)
        return self._built[api]


def _operation(answer: Body) -> str:
    """Return the name of the operation that an answer is; empty where it is none."""
    kind, name = str(answer.get("kind", "")), str(answer.get("name", ""))
    return name if "/operations/" in f"/{name}" or kind.endswith("#operation") else ""


def _python(parameter: str) -> str:
    """Return the name that the client gives a parameter such as ``options.version``."""
    return parameter.replace(".", "_").replace("-", "_")
