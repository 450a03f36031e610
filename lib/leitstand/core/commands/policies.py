"""Rights as commands: one binding after the other, so that what others granted stays."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.block import Setting
from leitstand.core.commands.logs import dataset_grant
from leitstand.core.commands.placeholders import expanded_text
from leitstand.core.commands.shell import after, command, flag, short, text
from leitstand.core.plan import Action
from leitstand.core.references import find

__all__ = ["policy_commands"]

_CONDITIONAL = frozenset({"project.policy"})
"""Where a binding without a condition must say so, once the policy has any conditions."""


def policy_commands(action: Action, setting: Setting) -> tuple[str, ...]:
    """Return the commands that add what a policy lacks; none where there is no policy."""
    kind, wanted = str(action.arguments["kind"]), action.arguments["wanted"]
    if kind == "bigquery.access":
        return tuple(
            dataset_grant(setting, action.target, expanded_text(entry["iamMember"], setting))
            for entry in wanted["access"]
        )
    words = _words(kind, action, setting)
    if not words:
        return ()
    return tuple(
        command(
            "gcloud",
            *words,
            flag("member", expanded_text(member, setting) if find(member) else member),
            flag("role", binding["role"]),
            *_condition(kind, binding.get("condition")),
            *([] if kind == "project.policy" else [flag("project", setting.project)]),
        )
        for binding in wanted["bindings"]
        for member in binding["members"]
    )


def _words(kind: str, action: Action, setting: Setting) -> tuple[str, ...]:
    name, region = text(short(action.target)), flag("region", after(action.target, "locations"))
    add = "add-iam-policy-binding"
    return {
        "secretmanager.policy": (f"secrets {add}", name),
        "pubsub.policy": (f"pubsub topics {add}", name),
        "run.policy": (f"run services {add}", name, region),
        "run.jobPolicy": (f"run jobs {add}", name, region),
        "iam.policy": (f"iam service-accounts {add}", name),
        "project.policy": (f"projects {add}", text(setting.project)),
        "storage.policy": (f"storage buckets {add}", text(f"gs://{short(action.target)}")),
        "iap.policy": (f"iap web {add}", "--resource-type=backend-services",
                       flag("service", short(action.target))),
    }.get(kind, ())  # fmt: skip


def _condition(kind: str, condition: Mapping[str, Any] | None) -> list[str]:
    if condition:
        listed = [f"{key}={condition[key]}" for key in sorted(condition)]
        return [flag("condition", f"^:::^{':::'.join(listed)}")]
    return ["--condition=None"] if kind in _CONDITIONAL else []
