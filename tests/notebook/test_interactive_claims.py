"""What begin() does about the run that a notebook had."""

import threading
from pathlib import Path

import pytest

from leitstand.notebook.interactive_claims import Earlier, Next, claim_of, next_of, notebook_of


def earlier(**changes: bool) -> Earlier:
    base = {"ended": False, "begun": True, "elsewhere": False, "same_parameters": True,
            "same_template": True}  # fmt: skip
    return Earlier(**{**base, **changes})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, Next.NEW),
        (earlier(), Next.GO_ON),
        (earlier(begun=False), Next.GO_ON),
        (earlier(ended=True), Next.AFTER_END),
        (earlier(ended=True, elsewhere=True, same_parameters=False), Next.AFTER_END),
        (earlier(elsewhere=True), Next.ELSEWHERE),
        (earlier(elsewhere=True, begun=False, same_parameters=False), Next.ELSEWHERE),
        (earlier(begun=False, same_parameters=False), Next.IN_ITS_PLACE),
        (earlier(begun=False, same_template=False), Next.IN_ITS_PLACE),
        (earlier(same_parameters=False), Next.OTHER_PARAMETERS),
        (earlier(same_template=False), Next.OTHER_TEMPLATE),
    ],
)
def test_nothing_is_done_twice_and_nothing_left_half_done(
    found: Earlier | None, expected: Next
) -> None:
    assert expected is next_of(found)


def test_jupyterlab_and_vs_code_tell_the_notebook_and_otherwise_the_directory_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert tmp_path.resolve() / "scale.ipynb" == notebook_of({}, "scale")
    code = {"__vsc_ipynb_file__": str(tmp_path / "a.ipynb")}
    assert tmp_path.resolve() / "a.ipynb" == notebook_of(code, "scale")
    monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / "b.ipynb"))
    assert tmp_path.resolve() / "b.ipynb" == notebook_of({}, "scale")


def test_of_many_at_once_one_decides_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    began: list[str] = []

    def begin(name: str) -> None:
        with claim_of(tmp_path / "a.ipynb") as claim:
            if not claim.run():
                began.append(name)
                claim.give(name)

    threads = [threading.Thread(target=begin, args=(str(number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len(began)
    with claim_of(tmp_path / "a.ipynb") as claim:
        assert began == [claim.run()]
    with claim_of(tmp_path / "b.ipynb") as claim:
        assert "" == claim.run()
