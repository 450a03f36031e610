"""Log-based metrics, `logging.projects.metrics`: counters of the entries that pass a filter.

What they count is in `log_counts.py`; distributions (`valueExtractor`) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.filters import parse
from leitstand.sandbox.log_counts import PREFIX
from leitstand.sandbox.log_extractors import extractor
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.times import timestamp

__all__ = ["Metrics"]

# https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics#LogMetric
NAME = re.compile(r"[A-Za-z0-9_\-.,+!*',()%/]{1,100}")
LABEL = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,99}")
LONGEST_FILTER = 20_000
MOST_LABELS = 10


class Metrics(Collection):
    """Counters; `update` makes a metric that is not there, as Google does."""

    api: ClassVar[str] = "logging"
    path: ClassVar[str] = "projects.metrics"
    full_name: ClassVar[str] = "projects/{project}/metrics/{metric}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Name, filter, kind and labels."""
        identifier = name.split("/", 3)[3]
        if not NAME.fullmatch(identifier) or identifier.startswith("/"):
            raise invalid(f"'{identifier}' is not a valid metric name.", "metric.name")
        if body.get("name", identifier) != identifier:
            raise invalid("The name of a metric cannot be changed.", "metric.name")
        text = body.get("filter", "")
        if not text or len(text) > LONGEST_FILTER:
            raise invalid(
                f"A metric needs a filter of at most {LONGEST_FILTER} characters.", "metric.filter"
            )
        parse(text, "logging")
        if body.get("valueExtractor") or body.get("bucketOptions"):
            raise invalid("The sandbox counts entries only.", "metric.value_extractor")
        descriptor = body.get("metricDescriptor", {})
        kind = (descriptor.get("metricKind", "DELTA"), descriptor.get("valueType", "INT64"))
        if kind != ("DELTA", "INT64"):
            raise invalid(
                "A metric without a value extractor must be of kind DELTA and type INT64.",
                "metric.metric_descriptor",
            )
        _check_labels(body, {label["key"] for label in descriptor.get("labels", ())})

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs, and the descriptor as Google fills it."""
        identifier = name.split("/", 3)[3]
        metric_type = PREFIX + identifier
        body["name"] = identifier
        body["resourceName"] = name
        body["updateTime"] = timestamp()
        body["createTime"] = before["createTime"] if before else body["updateTime"]
        project = "/".join(name.split("/")[:2])
        body["metricDescriptor"] = {
            "unit": "1",
            **body.get("metricDescriptor", {}),
            "name": f"{project}/metricDescriptors/{metric_type}",
            "type": metric_type,
            "metricKind": "DELTA",
            "valueType": "INT64",
        }

    def custom(self) -> Mapping[str, Custom]:
        """update, which takes the whole metric."""
        return {"update": self._update}

    async def _update(self, call: Call) -> Body:
        before = self.table.get(call.name)
        body = dict(call.body)
        self.check(call.name, body, before)
        self.complete(call.name, body, before)
        self.table[call.name] = body
        return dict(body)


def _check_labels(body: Body, declared: set[str]) -> None:
    extractors = body.get("labelExtractors", {})
    if len(declared) > MOST_LABELS:
        raise invalid(f"A metric has at most {MOST_LABELS} labels.", "metric.metric_descriptor")
    for label in sorted(declared):
        if not LABEL.fullmatch(label):
            raise invalid(f"'{label}' is not a valid label key.", "metric.metric_descriptor.labels")
    if declared != set(extractors):
        odd = ", ".join(sorted(declared ^ set(extractors)))
        raise invalid(
            "Each label of the descriptor needs an extractor, and each extractor a label; look "
            f"at: {odd}.",
            "metric.label_extractors",
        )
    for expression in extractors.values():
        extractor(expression)
