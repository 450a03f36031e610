"""``leitstand rehearse``: what a newcomer runs first."""

from tests.fixtures.command import Command


def test_the_tour_releases_a_good_image_and_takes_a_faulty_one_back(leitstand: Command):
    ended = leitstand("rehearse", timeout=110)
    assert (0, "") == (ended.code, ended.problems)
    assert [0, 5] == [leitstand.summary(run)["exit_code"] for run in (0, 1)]
    assert "ausgerollt" in ended.output
    assert "zurückgenommen" in ended.output
    assert not (leitstand.home / "sandbox" / "sandbox.json").exists()
