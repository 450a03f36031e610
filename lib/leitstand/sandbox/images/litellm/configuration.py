"""What the gateway is told: config/litellm-config.yaml and environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BadConfiguration", "Configuration", "Model"]

_REFERENCE = "os.environ/"
_TRUE = ("1", "true", "yes", "on")


class BadConfiguration(ValueError):
    """The gateway cannot start with this; the message never quotes a secret."""


@dataclass(frozen=True)
class Model:
    """One entry of `model_list`.

    Attributes:
        name: What clients ask for.
        mode: `chat` or `embedding`.
    """

    name: str
    mode: str = "chat"


_DEFAULT_MODELS = (Model("gpt-4o"), Model("text-embedding-3-small", "embedding"))


@dataclass(frozen=True)
class Configuration:
    """Everything the gateway goes by.

    Attributes:
        master_key: The key that every request needs.
        models: By the name that clients ask for.
        requests_per_minute: AI_CORE_RATE_LIMIT_QUOTA, for each model; None for no limit.
        log_requests: Whether every request gets a line: LITELLM_LOG_REQUESTS is true.
        callbacks: Names of `success_callback`, such as `langfuse`.
        database_url: Where keys and spend lie, or "".
    """

    master_key: str = field(repr=False)
    models: Mapping[str, Model]
    requests_per_minute: int | None = None
    log_requests: bool = False
    callbacks: tuple[str, ...] = ()
    database_url: str = field(default="", repr=False)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Configuration:
        """Read LITELLM_CONFIG (the text of the YAML file, if there is one) and the variables.

        Raises:
            BadConfiguration: It is no YAML, has no models, or a value is missing or no number.
        """
        document = _document(environment.get("LITELLM_CONFIG", ""))
        general = _mapping(document, "general_settings")
        settings = _mapping(document, "litellm_settings")
        key = _resolved(general.get("master_key", f"{_REFERENCE}LITELLM_MASTER_KEY"), environment)
        if not key:
            # The real proxy would then let everybody in.
            raise BadConfiguration("LITELLM_MASTER_KEY ist nicht gesetzt.")
        database = general.get("database_url", f"{_REFERENCE}DATABASE_URL")
        return cls(
            master_key=key,
            models={model.name: model for model in _models(document)},
            requests_per_minute=_quota(environment.get("AI_CORE_RATE_LIMIT_QUOTA", "")),
            log_requests=environment.get("LITELLM_LOG_REQUESTS", "").lower() in _TRUE,
            callbacks=tuple(str(name) for name in settings.get("success_callback") or ()),
            database_url=_resolved(database, environment),
        )


def _document(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise BadConfiguration("LITELLM_CONFIG ist kein YAML.") from error
    if not isinstance(document, dict):
        raise BadConfiguration("LITELLM_CONFIG muss eine Zuordnung sein.")
    return document


def _mapping(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name) or {}
    if not isinstance(found, dict):
        raise BadConfiguration(f"{name} muss eine Zuordnung sein.")
    return found


def _models(document: Mapping[str, Any]) -> tuple[Model, ...]:
    if "model_list" not in document:
        return _DEFAULT_MODELS
    try:
        found = tuple(
            Model(
                str(entry["model_name"]), str((entry.get("model_info") or {}).get("mode", "chat"))
            )
            for entry in document["model_list"]
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise BadConfiguration("model_list: jeder Eintrag braucht model_name.") from error
    if not found:
        raise BadConfiguration("model_list ist leer.")
    return found


def _quota(text: str) -> int | None:
    if not text:
        return None
    try:
        quota = int(text)
    except ValueError:
        quota = 0
    if quota < 1:
        raise BadConfiguration("AI_CORE_RATE_LIMIT_QUOTA muss eine ganze Zahl über 0 sein.")
    return quota


def _resolved(value: object, environment: Mapping[str, str]) -> str:
    """A value, or that of the variable it names, as LiteLLM's configuration has it."""
    text = str(value or "")
    return environment.get(text.removeprefix(_REFERENCE), "") if _REFERENCE in text else text
