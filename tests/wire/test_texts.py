"""Texts in two languages, from the message files of the packages."""

import importlib
import sys
from pathlib import Path

import pytest

from wire.texts import Text, accept_language, load


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "made_up_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    importlib.invalidate_caches()
    return folder


def test_tables_become_dotted_keys(package: Path) -> None:
    (package / "messages.toml").write_text(
        '[line]\noffline = { vi = "Mất đường truyền", en = "The line is down" }\n'
        '[line.state.online]\nvi = "Đang nối"\nen = "Connected"\n'
    )
    texts = load("made_up_package")
    assert texts["line.offline"] == Text("Mất đường truyền", "The line is down")
    assert texts["line.state.online"].pick("en") == "Connected"
    assert texts["line.state.online"].pick("vi") == "Đang nối"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('[a.b]\nvi = "x"', "a.b: en is missing"),
        ('[a.b]\nen = "x"', "a.b: vi is missing"),
        ('[a.b]\nvi = "x"\nen = ""', "a.b: en is missing"),
        ('[a.b]\nvi = "x"\nen = 1', "a.b: en is missing"),
        ('[a.b]\nvi = "x"\nen = "y"\nfr = "z"', "a.b: fr is not known here"),
        ('[a]\nb = "x"', "a.b: a table with vi and en was expected"),
    ],
)
def test_a_text_without_both_languages_is_named(package: Path, source: str, complaint: str) -> None:
    (package / "messages.toml").write_text(source)
    with pytest.raises(ValueError, match=complaint):
        load("made_up_package")


def test_a_package_may_have_several_files(package: Path) -> None:
    (package / "other.toml").write_text('[a]\nvi = "x"\nen = "y"')
    assert load("made_up_package", "other.toml")["a"] == Text("x", "y")
    with pytest.raises(FileNotFoundError):
        load("made_up_package")


def test_names_are_filled_in_in_both_languages() -> None:
    text = Text("{count} hồ sơ ở {place}", "{count} dossiers in {place}")
    filled = text.format(count=3, place=Text("phòng chờ", "the lobby"))
    assert filled == Text("3 hồ sơ ở phòng chờ", "3 dossiers in the lobby")


def test_a_forgotten_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="count"):
        Text("{count}", "{count}").format()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "vi"),
        ("", "vi"),
        ("vi", "vi"),
        ("en", "en"),
        ("EN-us", "en"),
        ("en-US,en;q=0.9", "en"),
        ("en;q=0.5, vi;q=0.8", "vi"),
        ("vi;q=0.5, en;q=0.8", "en"),
        ("en, vi", "vi"),
        ("fr, de;q=0.5", "vi"),
        ("fr, en;q=0.1", "en"),
        ("*", "vi"),
        ("vi;q=0, *", "en"),
        ("en;q=0", "vi"),
        ("en;q=2", "vi"),
        ("en;q=nan", "vi"),
        ("en;q=much", "vi"),
        ("en;level=1", "vi"),
        (";;;,,,q=", "vi"),
    ],
)
def test_the_language_asked_for_most_is_spoken(header: str | None, language: str) -> None:
    assert accept_language(header) == language
