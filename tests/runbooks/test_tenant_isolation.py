"""The isolation runbook: it finds a breach, fails with its name, and closes it when asked to."""

import psycopg

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.execution.database_access import DatabaseAccess
from leitstand.sandbox import control
from tests.fixtures.command import Command


def test_a_breach_is_named_closed_on_request_and_not_found_again(leitstand: Command) -> None:
    assert 0 == leitstand("sandbox", "up").code
    sandbox = control.find(leitstand.home / "sandbox")
    assert sandbox is not None
    access = DatabaseAccess(Connection(load_environment("sandbox"), sandbox.grpc))
    with psycopg.connect(access.application_url("1"), autocommit=True) as connection:
        connection.execute("CREATE POLICY everyone ON documents FOR SELECT USING (true)")
        connection.execute("ALTER TABLE rag.embeddings NO FORCE ROW LEVEL SECURITY")
    broken = leitstand("run", "tenant_isolation")
    assert 6 == broken.code
    assert "Die Mandanten sind nicht getrennt." in broken.problems
    assert "public.documents: Lesen gelang als app_tenant" in broken.problems
    assert "rag.embeddings: Lesen gelang als app (ohne Mandanten)" in broken.problems
    assert not [event for event in leitstand.events() if event.startswith("action.")]
    closed = leitstand("run", "tenant_isolation", "--apply", "-p", "sample=0")
    assert (0, "") == (closed.code, closed.problems)
    again = leitstand("run", "tenant_isolation")
    assert (0, "") == (again.code, again.problems)
    assert [] == [e for e in leitstand.journal() if e["event"] == "tenancy.checked"][-1]["broken"]
