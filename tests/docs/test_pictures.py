"""Pictures of the real program: what they show of it, and what they never show of this machine."""

import getpass
import platform
import re
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.referenced import ROOT, hook

terminal, stages, cache = hook("picture_terminal"), hook("picture_stage"), hook("picture_cache")
scenes, browser, pictures = hook("picture_scenes"), hook("picture_browser"), hook("pictures")

PAGES = {str(path.relative_to(ROOT / "docs")): path for path in (ROOT / "docs").rglob("*.md")}
KEPT = cache.kept(ROOT)
GREEN, PLAIN = "\x1b[32m", "\x1b[0m"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Any]:
    with stages.stage(ROOT, tmp_path, threading.Event()) as found:
        yield found


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("one\r\ntwo\r\n", "one\ntwo"),
        ("waiting\r\x1b[2Kdone", "done"),
        ("a\r\nb\r\x1b[2K\x1b[1A\x1b[2Kc\r\nd", "c\nd"),
        (f"{GREEN}good{PLAIN}\r\n", f"{GREEN}good{PLAIN}"),
        ("\x1b[?25lhidden cursor\x1b[?25h", "hidden cursor"),
    ],
)
def test_what_was_drawn_over_is_not_shown(sent: str, shown: str) -> None:
    assert shown == terminal.on_screen(sent)


def test_a_drawing_holds_the_command_and_what_it_said_and_loads_nothing() -> None:
    svg = terminal.drawn(f"{GREEN}gut{PLAIN} & schlecht", "leitstand runbooks", "one")
    assert "leitstand&#160;runbooks" in svg
    assert "gut" in svg
    assert ["http://www.w3.org/2000/svg"] == re.findall(r"https?://[^\"'\s)]+", svg)
    assert "@font-face" not in svg
    assert svg == terminal.drawn(f"{GREEN}gut{PLAIN} & schlecht", "leitstand runbooks", "one")


def test_a_path_is_exchanged_also_where_a_table_breaks_it() -> None:
    screen = f"web  /tmp/lei\n     tst{GREEN}and/runs\n/tmp/leitstand"
    shown = stages.replaced(screen, {"/tmp/leitstand": "/home/sie/abcd"})
    assert f"web  /home/si\n     e/a{GREEN}bcd/runs\n/home/sie/abcd" == shown


def test_a_picture_that_would_name_this_machine_is_not_taken(stage: Any) -> None:
    for word in (str(stage.home), str(ROOT), tempfile.gettempdir()):
        with pytest.raises(stages.PictureFailed, match="would show"):
            stage.check("one", f"The run lies in {word}.")
    stage.check("one", "The run lies in /home/sie/leitstand.")


def test_a_picture_is_taken_of_the_real_command(stage: Any, tmp_path: Path) -> None:
    screen = stage.type("show", "release")
    stage.draw("one", "leitstand show release", screen)
    text = re.sub(r"<[^>]*>", "", (tmp_path / "one.svg").read_text("utf-8"))
    assert "Änderungen&#160;ausführen,&#160;nicht&#160;nur&#160;planen" in text


def test_a_command_that_fails_is_no_picture(stage: Any) -> None:
    with pytest.raises(stages.PictureFailed, match="leitstand show nothing ended with 2"):
        stage.type("show", "nothing")


def test_a_stopped_build_ends_the_command_and_leaves_nothing(tmp_path: Path) -> None:
    stopped = threading.Event()
    with stages.stage(ROOT, tmp_path, stopped) as place:
        command = ["-c", "import time; time.sleep(60)"]
        before = terminal.INTO_TERMINAL
        terminal.INTO_TERMINAL = before.replace("'-m', 'leitstand', ", "")
        try:
            threading.Timer(0.5, stopped.set).start()
            code, _ = terminal.typed(command, ROOT, place.environment, stopped.is_set)
        finally:
            terminal.INTO_TERMINAL = before
        assert code != 0
        with pytest.raises(stages.PictureFailed, match="stopped"):
            place.type("runbooks")
    assert not place.home.exists()


def test_without_chromium_pictures_of_the_browser_are_left_out(
    stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    scenes.by_hand(stage)
    assert [] == list(tmp_path.iterdir())
    assert scenes.OF_TERMINAL == scenes.wanted()


def test_a_place_gets_its_picture_relative_to_the_page() -> None:
    text, unknown = pictures.placed(
        "Before\n\n<!-- bild: beleg | Ein Beleg. -->\n\nAfter",
        "einstieg/a.md",
        {"beleg": Path("/x/beleg.png")},
    )
    picture = "[![Ein Beleg.](../bilder/beleg.png){ loading=lazy }](../bilder/beleg.png)"
    assert (f"Before\n\n{picture}\n\nAfter", []) == (text, unknown)


def test_a_place_without_a_picture_stays_empty_and_a_wrong_name_is_told() -> None:
    assert ("", []) == pictures.placed("<!-- bild: beleg | Ein Beleg. -->", "a.md", {})
    assert ["gone"] == pictures.placed("<!-- bild: gone | Nichts. -->", "a.md", {})[1]


def test_kept_pictures_of_another_repository_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "lib" / "leitstand").mkdir(parents=True)
    (tmp_path / "lib" / "requirements.lock").write_text("")
    new = tmp_path / "new"
    new.mkdir()
    (new / "one.svg").write_text("<svg/>")
    cache.replace(tmp_path, new, cache.digest_of(tmp_path))
    assert {"one"} == set(cache.kept(tmp_path))
    (tmp_path / "lib" / "leitstand" / "changed.py").write_text("")
    assert {} == cache.kept(tmp_path)


def test_every_picture_has_a_place_and_every_place_says_in_words_what_it_shows() -> None:
    places = [
        (name, text)
        for path in PAGES.values()
        for name, text in pictures.PLACE.findall(path.read_text("utf-8"))
    ]
    assert set(scenes.PICTURES) == {name for name, _ in places}
    assert [] == [name for name, text in places if len(text.split()) < 8]
    marks = sum(path.read_text("utf-8").count("<!-- bild:") for path in PAGES.values())
    assert len(places) == marks


@pytest.mark.skipif(not KEPT, reason="a build with LEITSTAND_SITE=fresh takes the pictures")
@pytest.mark.parametrize("name", sorted(KEPT))
def test_a_kept_picture_is_small_and_says_nothing_about_this_machine(name: str) -> None:
    path = KEPT[name]
    assert path.stat().st_size <= browser.MOST_BYTES
    if path.suffix == ".svg":
        text = re.sub(r"<[^>]*>|&#160;|\s", "", path.read_text("utf-8"))
        words = {str(ROOT), tempfile.gettempdir(), platform.node(), str(Path.home())}
        assert [] == [word for word in words if len(word) > 3 and word in text]
        if (user := getpass.getuser()) not in {"web", "sie", "app"} and len(user) > 3:
            assert user not in text
        assert "cdnjs" not in path.read_text("utf-8")
    else:
        assert b"\x89PNG" == path.read_bytes()[:4]
