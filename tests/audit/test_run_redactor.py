"""One redactor of a run, its key, and the journal that it masks."""

import json
import threading
from enum import Enum
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from leitstand.audit.journal_fields import SecretInPlan
from leitstand.audit.redaction import MARK
from leitstand.audit.run_redactor import KeyDamaged, RunRedactor, redactor_of

TOKEN = "ghp_Zr8Kq2Lm5Np7Tv9Wx3Yb1Cd4Ef6Gh0Ij2Kl3"
VALUE = "q7Wz-4kLm_9XyT2vB8nR"
ORDINARY = Path(__file__).parent / "redaction" / "ordinary" / "journal.jsonl"


class Text(str, Enum):  # noqa: UP042  # its str() is not its value
    """An enumeration of texts, as journals get them."""

    ONE = TOKEN


@pytest.fixture
def redactor() -> RunRedactor:
    return RunRedactor(bytes(32))


@pytest.fixture
def journal(tmp_path: Path, redactor: RunRedactor) -> Journal:
    return Journal(tmp_path / "journal.jsonl", lambda: redactor)


def plan(**arguments: object) -> dict[str, object]:
    action = {"id": "secret-1", "kind": "x", "target": "a", "arguments": arguments}
    return {"runbook": "r", "environment": "prod", "target": "a", "actions": [action]}


def test_a_run_has_one_redactor_and_its_key_stays(tmp_path: Path):
    run = tmp_path / "runs" / "one"
    first = redactor_of(run, tmp_path / "salts")
    key = tmp_path / "salts" / "one"
    assert first is redactor_of(run, tmp_path / "salts")
    assert (0o700, 0o600) == (key.parent.stat().st_mode & 0o777, key.stat().st_mode & 0o777)
    assert RunRedactor(key.read_bytes()).text(TOKEN) == first.text(TOKEN)


def test_a_damaged_key_is_said_and_nothing_is_shown(tmp_path: Path):
    (tmp_path / "two").write_bytes(b"short")
    with pytest.raises(KeyDamaged):
        Journal(tmp_path / "j", lambda: redactor_of(tmp_path / "runs/two", tmp_path)).append("a")
    assert not (tmp_path / "j").exists()


def test_no_event_shows_a_secret_in_whatever_type_it_comes(journal: Journal, redactor: RunRedactor):
    redactor.learn([VALUE])
    written = journal.append(
        "probe", text=f"Token {TOKEN}", path=Path("/tmp") / TOKEN, kinds={TOKEN}, kind=Text.ONE,
        more=[{TOKEN: (TOKEN,)}], password="Kx7!vQ9z", id=f"read-{VALUE}",
    )  # fmt: skip
    content = journal.path.read_text()
    assert [] == [secret for secret in (TOKEN, VALUE, "Kx7!vQ9z") if secret in content]
    assert journal.events() == [written]


def test_what_a_resume_goes_by_stays_as_it_is(journal: Journal):
    name = "projects/p/operations/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    fields = {"id": "sk-12345678", "operation": name, "status": "done", "digest": "ab" * 32}
    written = journal.append("action.operation", **fields)
    assert fields == {name: written[name] for name in fields}


def test_journals_of_real_runs_stay_as_they_are(journal: Journal):
    for line in ORDINARY.read_text().splitlines():
        event = json.loads(line)
        fields = {n: v for n, v in event.items() if n not in ("seq", "at", "event")}
        written = journal.append(event["event"], **fields)
        assert fields == {name: written[name] for name in fields}


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"url": "postgresql://app:Kx7vQ9z@10.0.0.3/app"}, "actions.secret-1.arguments.url"),
        (
            {"env": [{"name": "A_PASSWORD", "value": "Kx7!vQ9z"}]},
            "actions.secret-1.arguments.env.0",
        ),
        ({"note": f"mit {VALUE}"}, "actions.secret-1.arguments.note"),
    ],
)
def test_a_plan_with_a_secret_is_refused_and_not_written(
    journal: Journal, redactor: RunRedactor, arguments: dict[str, object], place: str
):
    redactor.learn([VALUE])
    with pytest.raises(SecretInPlan) as refused:
        journal.append("plan.made", plan=plan(**arguments), digest="ab")
    assert (place,) == refused.value.places
    assert ("Kx7" in str(refused.value), VALUE in str(refused.value)) == (False, False)
    assert [] == journal.events()


def test_a_plan_with_an_address_of_a_person_is_written_as_it_is(journal: Journal):
    made = plan(member="user:anna.muster@example.org", value="${secret:app/1}")
    assert made == journal.append("plan.made", plan=made, digest="ab")["plan"]


def test_a_plan_may_name_the_version_of_a_password(journal: Journal):
    made = plan(password="database-app-password/2", login="app_b")
    assert made == journal.append("plan.made", plan=made, digest="ab")["plan"]


def test_operator_and_approver_stay_readable_and_others_do_not(journal: Journal):
    journal.append("run.started", run="r", env="prod", operator="anna@example.org")
    journal.append("approval.given", digest="ab", by="ben@example.org")
    written = journal.append("probe", text="anna@example.org ben@example.org eva@example.org")
    assert "anna@example.org ben@example.org [geheim:" == str(written["text"])[:41]


def test_an_address_that_another_process_approved_with_is_known(journal: Journal):
    Journal(journal.path).append("approval.given", digest="ab", by="ben@example.org")
    journal.append("probe")
    assert "ben@example.org" == journal.append("probe", text="ben@example.org")["text"]


def test_whoever_follows_hears_of_earlier_and_later_values_once(redactor: RunRedactor):
    heard: list[str] = []
    redactor.learn(["one-value-1"])
    redactor.follow(heard.extend)
    redactor.learn(["one-value-1", "", "two-value-2"])
    assert ["one-value-1", "two-value-2"] == heard


def test_a_kernel_knows_what_it_told_itself_and_a_new_one_knows_nothing(redactor: RunRedactor):
    told = redactor.new_kernel()
    assert redactor.version == redactor.version_of_kernel
    redactor.learn([VALUE])
    assert redactor.version_of_kernel is None
    told.add(VALUE)
    assert redactor.version == redactor.version_of_kernel
    redactor.new_kernel()
    told.add("a value of the kernel before")
    assert redactor.version_of_kernel is None


def test_counts_are_told_once(redactor: RunRedactor):
    redactor.text(TOKEN)
    redactor.tells({"a": TOKEN})
    assert [{"github_token": 1}, {}] == [redactor.new_counts(), redactor.new_counts()]


def test_threads_share_it(redactor: RunRedactor):
    redactor.learn([VALUE])
    found: list[bool] = []

    def show(number: int) -> None:
        texts = [redactor.text(f"{number} {VALUE} {TOKEN} {turn}") for turn in range(50)]
        found.append(all(2 == len(MARK.findall(text)) for text in texts))

    threads = [threading.Thread(target=show, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([True] * 4, 200) == (found, redactor.new_counts()["known_value"])
