"""Gates that need no observation."""

import pytest

from leitstand.configuration import load_environment
from leitstand.core.gates import ApprovalMissing, TicketMissing, check_approval, check_ticket


@pytest.mark.parametrize("ticket", ["", "   "])
def test_production_refuses_a_run_without_a_ticket(ticket: str) -> None:
    with pytest.raises(TicketMissing, match="Ein Lauf auf prod braucht ein Ticket"):
        check_ticket(load_environment("prod"), ticket)


@pytest.mark.parametrize(("name", "ticket"), [("prod", "OPS-1"), ("staging", ""), ("sandbox", "")])
def test_a_run_with_all_it_needs_may_start(name: str, ticket: str) -> None:
    check_ticket(load_environment(name), ticket)


def test_production_changes_nothing_without_a_second_person() -> None:
    with pytest.raises(ApprovalMissing, match=r"environments/prod\.yaml unter approvals ein"):
        check_approval(load_environment("prod"), apply=True)
    check_approval(load_environment("prod"), apply=False)
    check_approval(load_environment("staging"), apply=True)
