"""The onboarding runbook as its user starts it: a tenant either way, proven apart, and undone."""

from tests.fixtures.command import Command


def assert_proven(leitstand: Command) -> None:
    proof = [event for event in leitstand.journal() if event["event"] == "tenancy.checked"][-1]
    assert (0, []) == (proof["breaches"], proof["broken"])
    assert int(proof["attempts"]) > 10


def test_a_tenant_of_shared_tables_is_proven_apart_refused_twice_and_removed_again(
    leitstand: Command,
) -> None:
    assert 0 == leitstand("sandbox", "up").code  # faster than one start a command
    bad = leitstand("run", "onboard_tenant", "-p", "id=keine")
    assert (2, True) == (bad.code, "„keine“ ist keine UUID." in bad.problems)
    shown = leitstand("run", "onboard_tenant")
    assert (0, "") == (shown.code, shown.problems)
    assert not [event for event in leitstand.events() if event.startswith("action.")]
    arguments = ("-p", "name=Müller & Söhne", "--apply")
    ended = leitstand("run", "onboard_tenant", *arguments)
    assert (0, "") == (ended.code, ended.problems)
    assert_proven(leitstand)
    again = leitstand("run", "onboard_tenant", *arguments)
    assert 3 == again.code
    assert "„Kein anderer Mandant heißt so oder wird so geschrieben“" in again.problems
    removed = leitstand("run", "onboard_tenant", *arguments, "-p", "remove=true")
    assert (0, "") == (removed.code, removed.problems)


def test_a_killed_run_is_resumed_with_its_plan_and_a_schema_of_the_tenants_own(
    leitstand: Command,
) -> None:
    assert 0 == leitstand("sandbox", "up").code
    leitstand.extra = {"LEITSTAND_CRASH_AFTER": "22"}
    killed = leitstand("run", "onboard_tenant", "-p", "model=schema_per_tenant", "--apply")
    assert 0 != killed.code
    leitstand.extra = {}
    resumed = leitstand("resume", leitstand.runs[0].name)
    assert (0, "") == (resumed.code, resumed.problems)
    plans = [event["plan"] for event in leitstand.journal(0) if event["event"] == "plan.made"]
    assert 1 == len(plans)
    assert_proven(leitstand)
