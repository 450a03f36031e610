"""What the catalogue says of isolation, judged; and what brings a table there."""

from dataclasses import replace

import pytest

from leitstand.core.recovery_types import Policy, TableName
from leitstand.core.tenancy.isolation import FindingCode, Severity, judge_isolation
from leitstand.core.tenancy.names import tenant_names
from leitstand.core.tenancy.onboarding import (
    Newcomer,
    check_onboarding,
    check_removal,
    plan_hardening,
    plan_onboarding,
)
from leitstand.core.tenancy.policies import RowSecurity, wanted_change
from leitstand.core.tenancy.types import (
    Attempt,
    Grant,
    IsolationFacts,
    Operation,
    Outcome,
    Tenant,
    TenantPolicy,
    TenantRole,
    TenantTable,
    View,
)
from leitstand.notebook.tenancy_views import attempts_table, findings_view
from leitstand.notebook.tenancy_wording import action_text, check_text, finding_text
from leitstand.notebook.tenant_isolation import ring
from tests.fixtures.tenants import TENANCY

OWN = "(tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)"
BARE = "(tenant_id = (current_setting('app.tenant_id'::text))::uuid)"
MIGRATING = "(current_setting('app.migration'::text, true) = 'on'::text)"
TENANT = TenantPolicy(Policy("t", "ALL", True, ("public",), OWN, OWN), True, True, True)
OWNER = TenantPolicy(Policy("o", "ALL", True, ("app",), MIGRATING, MIGRATING), False, True, True)
RECOVERY = TenantPolicy(Policy("r", "ALL", True, ("admin",), "true", "true"), False, False, True)
TABLE = TenantTable(
    TableName("public", "documents"), 1, "app", "tenant_id", "uuid", True, True, False,
    (TENANT, OWNER, RECOVERY),
)  # fmt: skip
REQUEST = TenantRole("app_tenant", False, False, (), ("app",))
NORD, SUED = Tenant("n", "Nord"), Tenant("s", "Süd")
FACTS = IsolationFacts("admin", False, (NORD, SUED), (TABLE,), {"app_tenant": REQUEST})
VIEW = View(TableName("public", "v"), False, "app", False, False, (1,))
TARGET = "projects/p/instances/main/databases/app"


def opened(using: str, command: str = "ALL", *, request: bool = True) -> TenantPolicy:
    role = "public" if request else "app"
    return TenantPolicy(Policy("x", command, True, (role,), using, ""), request, True, True)


def with_table(**changes: object) -> IsolationFacts:
    return replace(FACTS, tables=(replace(TABLE, **changes),))


def codes(facts: IsolationFacts, *attempts: Attempt, model: str = "row_level_security") -> set[str]:
    found = judge_isolation(attempts, facts, TENANCY, model=model, application=["app"])
    assert all(finding_text(finding) for finding in found)
    repr(findings_view(found))
    return {finding.code.value for finding in found}


CASES: dict[str, tuple[IsolationFacts, set[str]]] = {
    "all is well": (FACTS, set()),
    "off": (with_table(row_security=False), {"row_security_off"}),
    "not forced": (
        with_table(forced=False, policies=(TENANT,)), {"not_forced"}
    ),
    "an owner whom nothing holds": (with_table(owner_bypasses=True), {"not_forced"}),
    "no policy": (with_table(policies=(OWNER, RECOVERY)), {"policy_missing"}),
    "a policy that fails without the setting": (
        with_table(policies=(opened(BARE), OWNER, RECOVERY)), {"policy_unsafe"}
    ),
    "a policy for all": (with_table(policies=(*TABLE.policies, opened("true"))), {"policy_open"}),
    "a switch that requests could turn": (
        with_table(policies=(*TABLE.policies, opened(MIGRATING))), {"policy_open"}
    ),
    "an owner who always sees all": (
        with_table(policies=(*TABLE.policies, opened("true", request=False))), {"policy_open"}
    ),
    "blind migrations": (with_table(policies=(TENANT, RECOVERY)), {"migration_blind"}),
    "blind recovery": (with_table(policies=(TENANT, OWNER)), {"administrator_blind"}),
    "no role": (replace(FACTS, roles={}), {"role_missing"}),
    "a role that bypasses": (
        replace(FACTS, roles={"app_tenant": replace(REQUEST, bypasses=True)}), {"role_bypasses"}
    ),
    "a role nobody may take": (
        replace(FACTS, roles={"app_tenant": replace(REQUEST, members=())}), {"role_unreachable"}
    ),
    "a view as the owner": (replace(FACTS, views=(VIEW,)), set()),
    "a materialized view": (
        replace(FACTS, views=(replace(VIEW, materialized=True),)), {"view_open"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_state_of_shared_tables_has_its_findings(case: str):
    facts, expected = CASES[case]
    assert expected == codes(facts)


@pytest.mark.parametrize("case", [case for case in CASES if "role" not in case])
def test_hardening_cures_what_policies_can_and_leaves_well_alone(case: str):
    facts, expected = CASES[case]
    change = wanted_change(facts.tables[0], TENANCY, facts)
    curable = expected - {"view_open"} and not facts.tables[0].owner_bypasses
    assert bool(curable) == (change is not None)
    if change is not None:
        assert change == RowSecurity.from_arguments(change.as_arguments())
        assert change == change.back.back
        assert (True, True) == (change.enabled[1], change.forced[1])


def test_an_attempt_that_went_across_breaks_the_isolation_and_says_what_it_met():
    breach = Attempt(Operation.READ, TABLE.name, "n", "app_tenant", "s", Outcome.DONE, 7)
    (finding,) = judge_isolation(
        [breach], FACTS, TENANCY, model="row_level_security", application=["app"]
    )
    assert (FindingCode.BREACH, Severity.BROKEN) == (finding.code, finding.severity)
    assert "Lesen gelang als app_tenant (Mandant n): 7 Zeilen von Mandant s." == finding_text(
        finding
    )
    assert "✗ public.documents  Lesen" in repr(attempts_table([breach]))


def test_own_rows_out_of_reach_are_a_fault_and_nothing_proven_is_only_noted():
    hidden = Attempt(Operation.OWN, TABLE.name, "n", "app_tenant", "s", Outcome.EMPTY)
    open_ = Attempt(Operation.UPDATE, TABLE.name, "n", "app_tenant", "s", Outcome.UNPROVEN)
    assert {"own_hidden", "unproven"} == codes(FACTS, hidden, open_)


def schema_facts() -> IsolationFacts:
    names = [tenant_names(slug, TENANCY) for slug in ("nord", "sued")]
    return IsolationFacts(
        "admin", False, (NORD, SUED), (TABLE,),
        {n.role: TenantRole(n.role, False, False, (), ("app",)) for n in names},
        {schema: "app" for n in names for schema in (n.schema, n.rag_schema)},
        tuple(Grant(n.schema, "documents", n.role, ("SELECT",)) for n in names),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("grantee", "schema", "expected"),
    [
        ("tenant_nord", "tenant_nord", set()),
        ("app", "tenant_nord", set()),
        ("tenant_sued", "tenant_nord", {"grant_across"}),
        ("tenant_sued", "public", {"grant_across"}),
        ("", "tenant_nord", {"grant_across"}),
        ("", "public", set()),
        ("report", "tenant_nord", {"grant_other"}),
        ("report", "public", set()),
    ],
)
def test_rights_in_a_tenants_schema_are_its_own(grantee: str, schema: str, expected: set[str]):
    facts = schema_facts()
    grant = Grant(schema, "documents", grantee, ("SELECT",))
    assert expected == codes(
        replace(facts, grants=(*facts.grants, grant)), model="schema_per_tenant"
    )


def test_missing_and_ownerless_schemas_and_names_that_collide_are_found():
    facts = schema_facts()
    twin = replace(facts, tenants=(NORD, SUED, Tenant("x", "Sued")))
    assert {"names_collide"} == codes(twin, model="schema_per_tenant")
    fewer = replace(facts, schemas={"tenant_nord": "app", "tenant_alt": "app"}, grants=())
    assert {"orphan", "schema_missing"} == codes(fewer, model="schema_per_tenant")


def newcomer(name: str, slug: str, model: str = "row_level_security") -> Newcomer:
    return Newcomer(Tenant("new", name), tenant_names(slug, TENANCY), model)


@pytest.mark.parametrize(
    ("who", "facts", "refused"),
    [
        (newcomer("West", "west"), FACTS, {"registry_exists"}),
        (newcomer("SÜD", "sued"), FACTS, {"name_is_free", "registry_exists"}),
        (newcomer("West", "west"), replace(FACTS, roles={}), {"role_exists", "registry_exists"}),
        (newcomer("Rag Nord", "rag_nord", "schema_per_tenant"), schema_facts(),
         {"places_are_free", "registry_exists"}),
        (newcomer("West", "west", "schema_per_tenant"),
         replace(schema_facts(), schemas={"tenant_west": "app"}),
         {"places_are_free", "registry_exists"}),
    ],
)  # fmt: skip
def test_a_tenant_is_refused_for_one_named_reason(
    who: Newcomer, facts: IsolationFacts, refused: set[str]
):
    checks = check_onboarding(who, facts, (), TENANCY)
    assert refused == {check.id for check in checks if not check.passed}
    assert all(all(check_text(check)) for check in checks)


def planned(who: Newcomer, facts: IsolationFacts, *, remove: bool = False):
    registry = replace(TABLE, name=TableName("public", "tenants"), oid=2, column="id", policies=())
    return plan_onboarding(
        who, replace(facts, tables=(*facts.tables, registry)), TENANCY, environment="sandbox",
        target=TARGET, application=["app"], rag_schemas=["rag"], remove=remove,
    )  # fmt: skip


def test_shared_tables_are_hardened_first_and_the_way_back_removes_the_tenant_first():
    plan = planned(newcomer("West", "west"), FACTS)
    there = ["row_security public.tenants", "create west"]
    assert there == [action.id for action in plan.actions]
    assert ["remove west", "back row_security public.tenants"] == [a.id for a in plan.way_back]
    assert {TARGET} == set(plan.targets)
    assert all(action_text(action) for action in (*plan.actions, *plan.way_back))


def test_a_schema_per_tenant_mirrors_all_shared_tables_but_the_registry():
    plan = planned(newcomer("West", "west", "schema_per_tenant"), FACTS)
    (create,) = plan.actions
    assert {"tenant_west": [["public", "documents"]], "tenant_rag_west": []} == create.arguments[
        "schemas"
    ]
    assert ["app"] == create.arguments["application"]


def test_a_removal_is_the_same_plan_the_other_way_round():
    who = newcomer("West", "west", "schema_per_tenant")
    there, back = planned(who, FACTS), planned(who, FACTS, remove=True)
    assert (there.actions, there.way_back) == (back.way_back, back.actions)


def test_only_the_tenant_of_that_name_and_id_is_removed():
    known = Newcomer(NORD, tenant_names("nord", TENANCY), "row_level_security")
    other = replace(known, tenant=Tenant("x", "Nord"))
    assert [True, False] == [check_removal(who, FACTS)[0].passed for who in (known, other)]


def test_a_hardened_database_needs_no_plan():
    plan = plan_hardening(FACTS, TENANCY, environment="sandbox", target=TARGET)
    assert ((), ()) == (plan.actions, plan.way_back)


@pytest.mark.parametrize(
    ("count", "sample", "actors"),
    [(0, 0, []), (1, 5, []), (2, 0, [0, 1]), (3, 9, [0, 1, 2]), (10, 2, [0, 5])],
)
def test_a_sample_is_spread_evenly_and_each_tries_its_neighbour(
    count: int, sample: int, actors: list[int]
):
    tenants = [Tenant(str(number), "") for number in range(count)]
    pairs = ring(tenants, sample)
    assert actors == [int(actor.id) for actor, _ in pairs]
    assert all((int(a.id) + 1) % count == int(v.id) for a, v in pairs)
