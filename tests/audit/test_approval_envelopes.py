"""No edit and no recombination of approvals makes one that was not given."""

import base64
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leitstand.audit import envelopes
from leitstand.audit.approval_envelopes import examine
from leitstand.audit.approvals import Given
from leitstand.core.approvals.decision import decide
from leitstand.core.approvals.refusals import Reason
from leitstand.core.approvals.statement import PAYLOAD_TYPE, Statement
from tests.fixtures.approving import (
    NOW,
    PLAN,
    People,
    account,
    asked,
    emergency,
    statement,
)

WANTED = replace(PLAN, basis={"etag": "wanted"})
FIELDS = ("digest", "run", "runbook", "environment", "identity", "nonce", "kind", "reason")


@dataclass(frozen=True)
class Pool:
    """Genuine envelopes, none of them for the wanted plan in the wanted run by a second person."""

    people: People
    said: tuple[Statement, ...]
    contents: tuple[bytes, ...]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    people = People.met(tmp_path_factory.mktemp("keys"))
    wanted = WANTED.digest
    said = {
        "plan": ("erika", statement("erika")),
        "run": ("erika", statement("erika", digest=wanted, run="another")),
        "environment": ("karl", statement("karl", digest=wanted, environment="staging")),
        "runbook": ("karl", statement("karl", digest=wanted, runbook="scale")),
        "expired": ("erika", statement("erika", digest=wanted, at=NOW - timedelta(days=1),
                                       expires_at=NOW - timedelta(hours=1))),
        "oneself": ("anna", statement("anna", digest=wanted)),
        "not allowed": ("dora", statement("dora", digest=wanted)),
        "stranger": ("ole", statement("ole", digest=wanted, identity=account("erika"))),
        "no reason": ("anna", statement("anna", digest=wanted, **emergency(reason="eilt"))),
        "emergency elsewhere": ("anna", statement("anna", **emergency())),
    }  # fmt: skip
    contents = tuple(people.envelope(name, one) for name, one in said.values())
    return Pool(people, tuple(one for _, one in said.values()), contents)


def granted(pool: Pool, contents: list[bytes]) -> bool:
    signed = [examine(Given(str(n), one), pool.people.policy) for n, one in enumerate(contents)]
    return decide(asked(WANTED), pool.people.policy, signed, NOW).granted


def test_the_same_people_can_grant_it(pool: Pool) -> None:
    genuine = pool.people.envelope("erika", statement("erika", digest=WANTED.digest))
    assert granted(pool, [*pool.contents, genuine])
    assert not granted(pool, list(pool.contents))


EDITS = st.tuples(
    st.sampled_from(("payload", "payloadType", "signatures", "keyid", "sig", "append", *FIELDS)),
    st.integers(0, 9),
    st.integers(0, 9),
)


def edited(envelope: dict[str, Any], what: str, other: dict[str, Any]) -> dict[str, Any]:
    """Take one part of another envelope, down to one field of what was signed."""
    made: dict[str, Any] = json.loads(json.dumps(envelope))
    if what in {"payload", "payloadType", "signatures"}:
        made[what] = other[what]
    elif what in {"keyid", "sig"}:
        made["signatures"][0][what] = other["signatures"][0][what]
    elif what == "append":
        made["signatures"] += other["signatures"]
    else:
        mine, theirs = (json.loads(base64.b64decode(one["payload"])) for one in (made, other))
        mine[what] = theirs[what]
        text = json.dumps(mine, sort_keys=True, separators=(",", ":"))
        made["payload"] = base64.b64encode(text.encode()).decode()
    return made


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(EDITS, min_size=1, max_size=12), order=st.permutations(range(10)))
def test_no_sequence_of_edits_and_recombinations_grants_another_plan(
    pool: Pool, edits: list[tuple[str, int, int]], order: list[int]
) -> None:
    made = [json.loads(pool.contents[number]) for number in order]
    for what, one, other in edits:
        made[one] = edited(made[one], what, made[other])
    contents = [json.dumps(one, separators=(",", ":")).encode() for one in made]
    assert not granted(pool, [*contents, *pool.contents])
    proven = [examine(Given("", one), pool.people.policy).statement for one in contents]
    assert {one for one in proven if one is not None} <= set(pool.said)


def test_no_envelope_survives_a_changed_removed_or_inserted_byte(pool: Pool) -> None:
    genuine = pool.people.envelope("erika", statement("erika", digest=WANTED.digest))
    assert granted(pool, [genuine])
    for place in range(len(genuine)):
        before, byte, after = genuine[:place], genuine[place], genuine[place + 1 :]
        for changed in (
            before + bytes([byte ^ 1]) + after,
            before + after,
            before + b" " + genuine[place:],
        ):
            assert not granted(pool, [changed]), place


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", Reason.UNREADABLE, id="an empty file"),
        pytest.param(b"[]", Reason.UNREADABLE, id="another form"),
        pytest.param(b"{" * 30_000, Reason.UNREADABLE, id="a deep file"),
        pytest.param(b"\xff\xfe", Reason.UNREADABLE, id="no text"),
    ],
)
def test_what_is_no_envelope_proves_nothing(pool: Pool, content: bytes, reason: Reason) -> None:
    examined = examine(Given("abc.json", content), pool.people.policy)
    assert (reason, None) == (examined.problem, examined.statement)


def test_a_signature_under_another_type_is_no_approval(pool: Pool) -> None:
    said = statement("erika", digest=WANTED.digest).encoded()
    sealed = envelopes.sign("application/vnd.in-toto+json", said, pool.people.signers["erika"])
    assert Reason.UNREADABLE == examine(Given("", sealed.encode()), pool.people.policy).problem
    renamed = replace(sealed, payload_type=PAYLOAD_TYPE).encode()
    assert Reason.BAD_SIGNATURE == examine(Given("", renamed), pool.people.policy).problem


def test_what_was_signed_in_another_form_is_no_approval(pool: Pool) -> None:
    said = statement("erika", digest=WANTED.digest).encoded()
    for loose in (said + b"\n", said.replace(b'"at"', b'"at" '), b'{"run":"x",' + said[1:]):
        sealed = envelopes.sign(PAYLOAD_TYPE, loose, pool.people.signers["erika"]).encode()
        assert Reason.UNREADABLE == examine(Given("", sealed), pool.people.policy).problem


@pytest.mark.parametrize(
    ("named", "reason"), [("karl", Reason.BAD_SIGNATURE), ("ole", Reason.UNKNOWN_KEY)]
)
def test_naming_another_key_takes_a_signature_its_worth(
    pool: Pool, named: str, reason: Reason
) -> None:
    genuine = json.loads(pool.contents[0])
    genuine["signatures"][0]["keyid"] = pool.people.signers[named].public.id
    content = json.dumps(genuine, separators=(",", ":")).encode()
    assert reason == examine(Given("", content), pool.people.policy).problem
