"""Templates that move to another version of a secret."""

from typing import Any

from leitstand.core.cut_over import move_service, pinned_version, reads_secret, with_version
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Split


def variable(name: str, secret: str, version: str) -> dict[str, Any]:
    return {
        "name": name,
        "value_source": {"secret_key_ref": {"secret": secret, "version": version}},
    }


TEMPLATE: dict[str, Any] = {
    "revision": "web-1",
    "service_account": "web@p",
    "annotations": {"owner": "team"},
    "containers": [
        {
            "image": "r/web@sha256:old",
            "env": [
                variable("DATABASE_URL", "database-url", "1"),
                variable("KEY", "django-secret-key", "1"),
                {"name": "PLAIN", "value": "x"},
            ],
        }
    ],
}
SERVICE = ServiceState("projects/p/locations/l/services/web", "e", 4, True, Split(()), (), "web-1",
                       template=TEMPLATE)  # fmt: skip


def test_only_the_named_secret_is_pinned_to_the_new_version() -> None:
    env = with_version(TEMPLATE, "database-url", "2")["containers"][0]["env"]
    assert [
        variable("DATABASE_URL", "database-url", "2"),
        variable("KEY", "django-secret-key", "1"),
        {"name": "PLAIN", "value": "x"},
    ] == env
    assert "1" == TEMPLATE["containers"][0]["env"][0]["value_source"]["secret_key_ref"]["version"]


def test_a_secret_named_in_full_is_found_too() -> None:
    full = {"containers": [{"env": [variable("U", "projects/p/secrets/database-url", "1")]}]}
    assert reads_secret(full, "database-url")
    assert not reads_secret(full, "django-secret-key")
    assert not reads_secret({}, "database-url")


def test_a_moved_service_keeps_what_is_not_about_the_move() -> None:
    moved = move_service(
        SERVICE, "web-1", secret="database-url", version="2", image="r/web@sha256:new",
        annotations={"leitstand.dev/schema-min": "1"},
    )  # fmt: skip
    assert "web@p" == moved.template["service_account"]
    assert {"owner": "team", "leitstand.dev/schema-min": "1"} == moved.template["annotations"]
    assert "r/web@sha256:new" == moved.template["containers"][0]["image"]
    assert moved.revision == moved.template["revision"]
    assert moved.revision.startswith("web-00005-")


def test_without_an_image_the_service_keeps_its_own() -> None:
    moved = move_service(SERVICE, "web-1", secret="database-url", version="2")
    assert "r/web@sha256:old" == moved.template["containers"][0]["image"]


def test_a_mounted_secret_is_pinned_and_keeps_its_files() -> None:
    template = {
        "volumes": [
            {"name": "a", "secret": {"secret": "url", "items": [{"path": "f", "version": "1"}]}},
            {"name": "b", "secret": {"secret": "projects/p/secrets/url", "default_mode": 256}},
            {"name": "c", "secret": {"secret": "key", "items": [{"path": "f", "version": "1"}]}},
            {"name": "d", "empty_dir": {}},
        ]
    }
    pinned = with_version(template, "url", "2")["volumes"]
    assert [[{"path": "f", "version": "2"}], [{"path": "url", "version": "2"}]] == [
        volume["secret"]["items"] for volume in pinned[:2]
    ]
    assert 256 == pinned[1]["secret"]["default_mode"]
    assert template["volumes"][2:] == pinned[2:]


def test_a_mounted_secret_tells_its_version() -> None:
    mounted = {"volumes": [{"secret": {"secret": "url", "items": [{"path": "f", "version": "1"}]}}]}
    assert "1" == pinned_version(mounted, "url")
    assert "latest" == pinned_version({"volumes": [{"secret": {"secret": "url"}}]}, "url")
    assert not reads_secret(mounted, "key")
