"""How a value comes about is read from the environment file."""

import pytest

from leitstand.configuration import load_environment
from leitstand.core.rotation.recipes import Recipe, UnknownSecret, pinned_in_file, recipe_for

ENVIRONMENT = load_environment("staging")


def recipe(secret: str) -> Recipe:
    return recipe_for(secret, ENVIRONMENT.resources, ENVIRONMENT.initial)


@pytest.mark.parametrize("asked", ["database-url", "database-app-password"])
def test_a_password_and_the_address_that_holds_it_are_rotated_together(asked: str) -> None:
    found = recipe(asked)
    assert ("database-app-password", "main/app") == (found.root, found.user)
    assert ("database-app-password", "database-url") == found.secrets
    assert ("database-url",) == found.read


def test_a_key_stands_alone() -> None:
    found = recipe("django-secret-key")
    assert (("django-secret-key",), True, "") == (found.secrets, found.generated, found.user)


def test_a_key_of_a_foreign_service_is_brought_by_a_person() -> None:
    assert not recipe("langfuse-secret-key").generated


def test_an_address_of_redis_follows_its_auth_string() -> None:
    found = recipe("redis-url")
    assert (True, True, "") == (found.generated, found.follows_auth, found.user)


def test_an_unknown_secret_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownSecret, match="django-secret-key"):
        recipe("django-key")


def test_the_file_says_where_it_pins_a_secret() -> None:
    found = pinned_in_file(ENVIRONMENT, "redis-url")
    one = frozenset({"1"})
    assert {"services.beat": one, "services.web": one, "services.worker": one} == found
    assert one == pinned_in_file(ENVIRONMENT, "database-url")["jobs.migrate"]
