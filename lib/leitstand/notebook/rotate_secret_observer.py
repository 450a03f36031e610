"""What a rotation reads of the world; it changes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from leitstand.cloud.connection import Connection
from leitstand.cloud.secret_readers import SecretReaders
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.smoke import Smoke
from leitstand.core.errors import RunFailed
from leitstand.core.rotation.recipes import Recipe, known_secrets, pinned_in_file, recipe_for
from leitstand.core.rotation.situation import Situation
from leitstand.core.rotation.types import Login, SecretState, ServiceReader
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.secret_values import composed_value, database_login

__all__ = ["Observer"]


class Observer:
    """Reads secrets, their readers, and the database role behind them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.environment = connection.environment
        self.secrets = Secrets(connection)
        self.readers = SecretReaders(connection)
        self._smoke = Smoke(connection)

    def full_name(self, secret: str) -> str:
        """Return the full name of a secret."""
        return f"projects/{self.environment.project}/secrets/{secret}"

    def all_secrets(self) -> tuple[SecretState, ...]:
        """Return every secret of the environment file."""
        names = known_secrets(self.environment.resources)
        return tuple(self.secrets.secret(self.full_name(name)) for name in names)

    def recipe(self, secret: str) -> Recipe:
        """Return how a secret gets a new value.

        Raises:
            UnknownSecret: the environment file has no such secret.
        """
        return recipe_for(secret, self.environment.resources, self.environment.initial)

    def situation(self, secret: str, source: str, keep_hours: int) -> Situation:
        """Read everything that a rotation is decided on."""
        recipe = self.recipe(secret)
        states = {name: self.secrets.secret(self.full_name(name)) for name in recipe.secrets}
        found = Situation(
            recipe=recipe,
            source=source,
            secrets=states,
            services=self._services(recipe),
            jobs=self.readers.jobs(recipe.secrets),
            file={name: pinned_in_file(self.environment, name) for name in recipe.secrets},
            keep=timedelta(hours=keep_hours),
            now=datetime.now(UTC),
        )
        try:
            found = replace(found, login=self.login(recipe, states))
            return replace(found, auth_changed=self._auth_changed(found), problem=self._try(found))
        except RunFailed as error:
            return replace(found, problem=error.message)

    def answering(self, service: ServiceReader) -> tuple[str, ...]:
        """Return the pages of the smoke test that a service has and answers."""
        test = self.environment.release.smoke_test
        return tuple(
            path
            for path in test.paths
            if self._smoke.probe(service.state.uri, path, timeout=test.timeout, attempts=1).passed
        )

    def login(self, recipe: Recipe, states: Mapping[str, SecretState]) -> Login | None:
        """Return which database role the address of a recipe logs in as, by enabled version.

        Reads addresses. None where no address is rotated together with the secret.

        Args:
            recipe: How the secret gets a new value.
            states: At least of the secret that holds the address.
        """
        database = self.environment.database
        if not recipe.user or not recipe.composed or database is None:
            return None
        instance, _, role = recipe.user.partition("/")
        access = DatabaseAccess(self._connection)
        full = access.instance if instance == database.instance else access.instance_name(instance)
        url = next(iter(recipe.composed))
        logins = {
            version.number: database_login(
                self.secrets.value(self.full_name(url), str(version.number))
            )
            for version in states[url].enabled
        }
        return Login(full, role, url, logins)

    def _services(self, recipe: Recipe) -> tuple[ServiceReader, ...]:
        """Return the readers in the order in which the environment file brings services back."""
        database = self.environment.database
        order = list(database.moves_with) if database is not None else []
        found = [
            replace(service, paths=self.answering(service))
            for service in self.readers.services(recipe.secrets)
        ]
        place = {name: index for index, name in enumerate(order)}
        return tuple(sorted(found, key=lambda s: place.get(s.state.short_name, len(order))))

    def _auth_changed(self, situation: Situation) -> bool:
        """Return whether a value that follows an AUTH string would be another one now."""
        recipe = situation.recipe
        if not recipe.follows_auth or situation.source == "pending":
            return False
        current = self.secrets.value(
            self.full_name(recipe.root), str(situation.current(recipe.root))
        )
        return composed_value(self._connection, recipe.value) != current

    def _try(self, situation: Situation) -> str:
        """Read the version that a person has added, so that its checksum is compared."""
        if situation.source == "pending" and situation.pending:
            self.secrets.value(self.full_name(situation.recipe.root), str(situation.pending))
        return ""
