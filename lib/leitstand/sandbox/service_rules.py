"""What Cloud Run accepts for a service: names, templates, traffic, masks, defaults, etags.

Everything here is pure: messages in, messages or an `ApiError` out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.cloud import run_v2
from google.protobuf import field_mask_pb2, json_format

from leitstand.sandbox.errors import aborted, invalid
from leitstand.sandbox.vpc_rules import check_vpc_access

__all__ = [
    "ServiceName",
    "check_etag",
    "check_service",
    "check_service_id",
    "etag_of",
    "fill_defaults",
    "merged",
    "same_wish",
]

_Allocation = run_v2.TrafficTargetAllocationType
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SERVICE_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/services/([^/]+)")
_PARENT = re.compile(r"projects/([^/]+)/locations/([^/]+)")
# The fields a caller may set; all others are output only and ignored on input.
_WISHES = (
    "description",
    "labels",
    "annotations",
    "client",
    "client_version",
    "ingress",
    "launch_stage",
    "binary_authorization",
    "template",
    "traffic",
    "scaling",
    "invoker_iam_disabled",
    "default_uri_disabled",
    "iap_enabled",
    "multi_region_settings",
    "custom_audiences",
    "build_config",
)
# Who wrote it says nothing about what is wanted.
_SIGNATURES = ("client", "client_version")


@dataclass(frozen=True)
class ServiceName:
    """The parts of `projects/P/locations/L/services/S`."""

    project: str
    location: str
    service: str

    @classmethod
    def parse(cls, name: str) -> ServiceName:
        """Raises ApiError (INVALID_ARGUMENT) if `name` has another form."""
        if not (match := _SERVICE_NAME.fullmatch(name)):
            raise invalid(f"name: '{name}' is not the full name of a service.", "name")
        return cls(match[1], match[2], match[3])

    @classmethod
    def below(cls, parent: str, service_id: str) -> ServiceName:
        """The name `service_id` gets below `parent`; raises ApiError for another form."""
        if not (match := _PARENT.fullmatch(parent)):
            raise invalid(f"parent: '{parent}' is not projects/P/locations/L.", "parent")
        check_service_id(service_id)
        return cls(match[1], match[2], service_id)

    @property
    def parent(self) -> str:
        """`projects/P/locations/L`."""
        return f"projects/{self.project}/locations/{self.location}"

    def __str__(self) -> str:
        return f"{self.parent}/services/{self.service}"


def check_service_id(service_id: str) -> None:
    """A label of RFC 1035 with fewer than 50 characters; raises ApiError."""
    if not _LABEL.fullmatch(service_id) or len(service_id) > 49:
        raise invalid(
            f"service_id: '{service_id}' is not valid. Service names must use only lowercase "
            "letters, numbers and '-', begin with a letter, not end with a '-' and have fewer "
            "than 50 characters.",
            "service_id",
        )


def check_service(service_id: str, service: run_v2.Service) -> None:
    """Template, traffic and scaling of a service; raises ApiError (INVALID_ARGUMENT)."""
    _check_template(service_id, service.template)
    _check_traffic(service_id, service.traffic)
    levels = (("template.scaling", service.template.scaling), ("scaling", service.scaling))
    for field, scaling in levels:
        low, high = scaling.min_instance_count, scaling.max_instance_count
        if low < 0 or high < 0 or (high and low > high):
            raise invalid(
                f"{field}: min_instance_count {low} and max_instance_count {high} do not fit; "
                "the minimum must not be greater than the maximum.",
                field,
            )


def fill_defaults(service: run_v2.Service) -> None:
    """Changes `service`: sets what Cloud Run sets where nothing was given."""
    template = service.template
    if not service.ingress:
        service.ingress = run_v2.IngressTraffic(run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL)
    if not service.launch_stage:
        service.launch_stage = 4  # GA of google.api.LaunchStage
    if not template.max_instance_request_concurrency:
        template.max_instance_request_concurrency = 80
    if not template.timeout:
        template.timeout = timedelta(seconds=300)
    if not template.scaling.max_instance_count:
        template.scaling.max_instance_count = 100
    for container in template.containers:
        if not container.ports:
            container.ports.append(run_v2.ContainerPort(name="http1", container_port=8080))
        for resource, amount in (("cpu", "1000m"), ("memory", "512Mi")):
            if resource not in container.resources.limits:
                container.resources.limits[resource] = amount
    if not service.traffic:
        latest = _Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
        service.traffic.append(run_v2.TrafficTarget(type_=latest, percent=100))


def merged(current: run_v2.Service, wanted: run_v2.Service, paths: Sequence[str]) -> run_v2.Service:
    """`current` with the fields of `wanted` that the mask names; all settable ones without mask.

    Raises:
        ApiError: INVALID_ARGUMENT for a path that is no field.
    """
    descriptor = run_v2.Service.pb(wanted).DESCRIPTOR
    names = [_snake(path) for path in paths if path]
    if not names or "*" in names:
        names = list(_WISHES)
    mask = field_mask_pb2.FieldMask(paths=names)
    if not mask.IsValidForDescriptor(descriptor):
        raise invalid(f"update_mask: {', '.join(paths)} is not valid for Service.", "update_mask")
    settable = [name for name in names if name.partition(".")[0] in _WISHES]
    copy = type(run_v2.Service.pb(current))()
    copy.CopyFrom(run_v2.Service.pb(current))
    field_mask_pb2.FieldMask(paths=settable).MergeMessage(
        run_v2.Service.pb(wanted), copy, replace_message_field=True, replace_repeated_field=True
    )
    service: run_v2.Service = run_v2.Service.wrap(copy)
    return service


def same_wish(one: run_v2.Service, other: run_v2.Service) -> bool:
    """Whether both want the same state, whoever wrote them."""
    return _wish(one) == _wish(other)


def etag_of(service: run_v2.Service) -> str:
    """Fingerprint over what is wanted and the generation; times do not change it."""
    text = json.dumps([service.uid, int(service.generation), _wish(service)], sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def check_etag(service_id: str, given: str, current: str) -> None:
    """Raises ApiError (ABORTED, HTTP 409) if an etag was given and is not the current one."""
    if given and given != current:
        raise aborted(
            f"Conflict for resource '{service_id}': version '{given.strip(chr(34))}' was "
            f"specified but current version is '{current.strip(chr(34))}'."
        )


def _wish(service: run_v2.Service) -> dict[str, Any]:
    document = json_format.MessageToDict(
        run_v2.Service.pb(service), preserving_proto_field_name=True
    )
    kept = [name for name in _WISHES if name not in _SIGNATURES]
    return {name: document[name] for name in kept if name in document}


def _snake(path: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match.group().lower()}", path)


def _check_template(service_id: str, template: run_v2.RevisionTemplate) -> None:
    if len(template.containers) != 1:
        raise invalid(
            "template.containers: exactly one container is expected in the sandbox, "
            f"but there are {len(template.containers)}.",
            "template.containers",
        )
    if not template.containers[0].image:
        raise invalid("template.containers[0].image: must not be empty.", "template.containers")
    _check_environment(template.containers[0].env)
    check_vpc_access(template.vpc_access, "template.vpc_access")
    name = template.revision
    if not name:
        return
    if not name.startswith(f"{service_id}-"):
        raise invalid(
            f"template.revision: '{name}' must begin with the service name and a '-': "
            f"'{service_id}-'.",
            "template.revision",
        )
    if not _LABEL.fullmatch(name) or len(name) > 63:
        raise invalid(
            f"template.revision: '{name}' must use only lowercase letters, numbers and '-', "
            "begin with a letter, not end with a '-' and have at most 63 characters.",
            "template.revision",
        )


def _check_environment(variables: Iterable[run_v2.EnvVar]) -> None:
    seen: set[str] = set()
    reserved = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
    for variable in variables:
        if not variable.name or variable.name in seen or variable.name in reserved:
            raise invalid(
                f"template.containers[0].env: the name '{variable.name}' is empty, reserved or "
                "given twice.",
                "template.containers",
            )
        seen.add(variable.name)


def _check_traffic(service_id: str, traffic: Sequence[run_v2.TrafficTarget]) -> None:
    tags: set[str] = set()
    for index, target in enumerate(traffic):
        where = f"traffic[{index}]"
        named = target.type_ == _Allocation.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        if not target.type_:
            raise invalid(f"{where}.type: must be set.", "traffic")
        if named != bool(target.revision):
            rule = "needs a revision" if named else "must not name a revision"
            raise invalid(f"{where}.revision: the type {target.type_.name} {rule}.", "traffic")
        if not 0 <= target.percent <= 100:
            raise invalid(f"{where}.percent: {target.percent} is not within 0–100.", "traffic")
        if target.tag:
            _check_tag(where, service_id, target.tag, tags)
            tags.add(target.tag)
    total = sum(target.percent for target in traffic)
    if traffic and total != 100:
        raise invalid(f"traffic: percentages must sum up to 100, but are {total}.", "traffic")


def _check_tag(where: str, service_id: str, tag: str, seen: set[str]) -> None:
    if not _LABEL.fullmatch(tag) or len(tag) + len(service_id) > 46:
        raise invalid(
            f"{where}.tag: '{tag}' must use only lowercase letters, numbers and '-', begin with a "
            "letter, not end with a '-' and have at most 46 characters together with the name of "
            "the service.",
            "traffic",
        )
    if tag in seen:
        raise invalid(f"{where}.tag: '{tag}' is used more than once.", "traffic")
