"""The sample gateway, as LiteLLM answers where Leitstand looks."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leitstand.sandbox.images.litellm.configuration import BadConfiguration, Configuration
from leitstand.sandbox.images.litellm.gateway import Gateway
from leitstand.sandbox.images.litellm.rate_limit import RateLimit
from tests.sandbox import running
from tests.sandbox.images.processes import container

LITELLM = "leitstand.sandbox.images.litellm"
CONFIG = Path(__file__).parents[3] / "config" / "litellm-config.yaml"
KEY = {"LITELLM_MASTER_KEY": "sk-geheim"}
BEARER = "Bearer sk-geheim"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Was ist ein Ventil?"}]}
EMBED = {"model": "text-embedding-3-small", "input": ["Ventil prüfen", "Ventil tauschen", "Urlaub"]}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Asks a gateway in this process."""

    def __init__(self, **environment: str) -> None:
        self._gateway = Gateway(Configuration.read(KEY | environment), "1.80.0")

    def ask(self, path: str, body: Any = None, key: str = BEARER) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_AUTHORIZATION": key,
            "wsgi.input": io.BytesIO(data),
        }
        seen: list[Any] = []
        content = b"".join(self._gateway(environ, lambda *given: seen.extend(given)))
        return Answer(int(seen[0].split()[0]), dict(seen[1]), content.decode())


@pytest.mark.parametrize("path", ["/healthz", "/health/liveliness", "/health/liveness"])
def test_it_says_without_a_key_that_it_is_alive(path: str) -> None:
    answer = Client().ask(path, key="")

    assert (200, "I'm alive!") == (answer.status, answer.json)
    assert "X-Sandbox-Instance" in answer.headers


@pytest.mark.parametrize(
    ("url", "status", "state"),
    [
        ("", 200, "Not connected"),
        ("postgresql://litellm:x@127.0.0.1:1/litellm", 503, "disconnected"),
    ],
)
def test_readiness_tells_whether_its_database_answers(url: str, status: int, state: str) -> None:
    answer = Client(DATABASE_URL=url).ask("/health/readiness", key="")

    assert (status, state) == (answer.status, answer.json["db"])


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "No api key passed in"),
        ("Bearer falsch", "Invalid proxy server token"),
        ("sk-geheim", "Malformed API Key"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/embeddings", EMBED), ("/models", None)]
)
def test_nothing_is_answered_without_the_master_key(
    path: str, body: Any, key: str, sentence: str
) -> None:
    answer = Client().ask(path, body, key)

    assert (401, "auth_error", "401") == (
        answer.status,
        answer.json["error"]["type"],
        answer.json["error"]["code"],
    )
    assert sentence in answer.json["error"]["message"]
    assert "geheim" not in answer.text


def test_a_chat_is_answered_in_openais_form_and_always_alike() -> None:
    client = Client()
    answer = client.ask("/v1/chat/completions", CHAT).json

    assert "chat.completion" == answer["object"]
    assert "Was ist ein Ventil?" in answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer == client.ask("/chat/completions", CHAT).json


def test_embeddings_are_unit_vectors_and_similar_texts_lie_close() -> None:
    data = Client().ask("/v1/embeddings", EMBED | {"dimensions": 256}).json["data"]
    check, change, holiday = (entry["embedding"] for entry in data)

    assert {256} == {len(check), len(change), len(holiday)}
    assert pytest.approx(1.0) == math.hypot(*check)
    assert dot(check, change) > 0.3 > dot(check, holiday)


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/v1/chat/completions", CHAT | {"model": "gpt-9"}, "model=gpt-9"),
        ("/v1/embeddings", EMBED | {"model": "gpt-4o"}, "Invalid model name"),
        ("/v1/chat/completions", {"model": "gpt-4o"}, "'messages'"),
        ("/v1/chat/completions", CHAT | {"messages": ["x"]}, "'messages'"),
        ("/v1/chat/completions", CHAT | {"stream": True}, "stream"),
        ("/v1/embeddings", EMBED | {"input": 1}, "'input'"),
        ("/v1/embeddings", EMBED | {"dimensions": 0}, "'dimensions'"),
        ("/v1/embeddings", [1], "Invalid JSON"),
    ],
)
def test_wrong_bodies_are_refused_in_litellms_form(path: str, body: Any, sentence: str) -> None:
    answer = Client().ask(path, body)

    assert (400, "400") == (answer.status, answer.json["error"]["code"])
    assert sentence in answer.json["error"]["message"]


@pytest.mark.parametrize(("path", "body", "status"), [("/v1/x", None, 404), ("/models", {}, 405)])
def test_other_pages_are_not_there(path: str, body: Any, status: int) -> None:
    assert status == Client().ask(path, body).status


def test_more_requests_per_minute_than_the_quota_are_refused_with_429() -> None:
    client = Client(AI_CORE_RATE_LIMIT_QUOTA="2")
    first = [client.ask("/v1/chat/completions", CHAT).status for _ in range(2)]
    refused = client.ask("/v1/chat/completions", CHAT)

    assert [200, 200] == first
    assert 429 == refused.status
    sentence = "Model rate limit exceeded. RPM limit=2, current usage=3"
    assert {
        "message": f"litellm.RateLimitError: {sentence}",
        "type": "throttling_error",
        "param": None,
        "code": "429",
    } == refused.json["error"]
    assert 0 < int(refused.headers["retry-after"]) <= 60
    # As in the real proxy, every model has a quota of its own.
    assert 200 == client.ask("/v1/embeddings", EMBED).status


def test_the_next_minute_has_a_quota_of_its_own() -> None:
    now = [100.0]
    limit = RateLimit(1, lambda: now[0])
    taken = []
    for seconds in (0, 30, 30):
        now[0] += seconds
        taken.append(limit.take())

    assert [(True, 1, 60.0), (False, 2, 30.0), (True, 1, 60.0)] == taken


def test_the_page_for_people_shows_version_and_models() -> None:
    client = Client()

    assert "/ui/" == client.ask("/ui", key="").headers["Location"]
    page = client.ask("/ui/", key="").text
    assert "1.80.0" in page
    assert "gpt-4o" in page


def test_requests_are_logged_without_what_was_asked(capfd: pytest.CaptureFixture[str]) -> None:
    for on in ("true", "false"):
        client = Client(LITELLM_LOG_REQUESTS=on)
        client.ask("/health/liveliness")
        client.ask("/v1/chat/completions", CHAT)
    (line,) = capfd.readouterr().out.splitlines()

    found = json.loads(line)
    assert (200, "gpt-4o") == (found["status"], found["model"])
    assert "Ventil" not in line


def test_the_projects_own_configuration_is_understood() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    found = Configuration.read(KEY | {"LITELLM_CONFIG": text, "AI_CORE_RATE_LIMIT_QUOTA": "600"})

    assert ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"] == list(found.models)
    assert "embedding" == found.models["text-embedding-3-small"].mode
    assert ("sk-geheim", 600, ("langfuse",)) == (
        found.master_key,
        found.requests_per_minute,
        found.callbacks,
    )


def test_the_projects_own_configuration_holds_no_secret() -> None:
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    secrets = [
        line for line in lines if line.partition(":")[0].strip().endswith(("_key", "SECRET"))
    ]

    assert 2 == len(secrets)
    assert all("os.environ/" in line for line in secrets)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LITELLM_MASTER_KEY": ""}, "LITELLM_MASTER_KEY"),
        ({"LITELLM_CONFIG": "a: [", "LITELLM_MASTER_KEY": "sk-geheim"}, "YAML"),
        ({"LITELLM_CONFIG": "text"}, "Zuordnung"),
        ({"LITELLM_CONFIG": "{model_list: []}"}, "leer"),
        ({"LITELLM_CONFIG": "{model_list: [gpt-4o]}"}, "model_name"),
        ({"LITELLM_CONFIG": "{general_settings: {master_key: os.environ/NONE}}"}, "MASTER_KEY"),
        ({"AI_CORE_RATE_LIMIT_QUOTA": "viele"}, "ganze Zahl"),
        ({"AI_CORE_RATE_LIMIT_QUOTA": "0"}, "ganze Zahl"),
    ],
)
def test_what_it_cannot_start_with_is_named(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadConfiguration, match=sentence) as caught:
        Configuration.read(KEY | environment)

    assert "geheim" not in str(caught.value)


def test_a_gateway_without_a_master_key_ends_with_a_clear_line() -> None:
    with container(LITELLM) as ended:
        assert 2 == ended.wait()

    (line,) = ended.documents()
    assert "CRITICAL" == line["severity"]
    assert "LITELLM_MASTER_KEY" in line["message"]


def test_a_service_with_the_image_of_the_gateway_runs_it(tmp_path: Path) -> None:
    image = f"{running.IMAGE.removesuffix('web')}litellm:1.80.0"
    service = running.web(
        "1.1.0",
        "litellm-00001-abc",
        image=image,
        args=["--config", "/app/config.yaml"],
        env=[{"name": "LITELLM_MASTER_KEY", "value": "sk-geheim"}],
        startup_probe={"http_get": {"path": "/health/liveliness"}},
    )
    name = f"{running.PARENT}/services/litellm"
    with running.running(tmp_path, {**service, "name": name}) as sandbox:
        lines = [text for *_, text in sandbox.logs.lines]

    assert any("Das Gateway nimmt Anfragen an" in text for text in lines)


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
