"""agent.toml: everything wrong is told at once, with its line and what to do."""

from pathlib import Path

import pytest

from agent import config
from agent.config import ConfigInvalid

GOOD = """
office = "H26.107"
data_dir = "data"
[province]
url = "https://province.example.vn"
"""


def wrong(text: str) -> list[tuple[str, int]]:
    with pytest.raises(ConfigInvalid) as refused:
        config.parse(text, Path("/etc/commune/agent.toml"))
    for error in refused.value.errors:
        assert error.message.vi
        assert error.remedy.en
    return [(error.path, error.line) for error in refused.value.errors]


def test_paths_are_relative_to_the_file_and_the_rest_has_defaults() -> None:
    read = config.parse(GOOD, Path("/etc/commune/agent.toml"))
    assert read.data_dir == Path("/etc/commune/data")
    assert read.keys_dir == Path("/etc/commune/keys")
    assert read.api.socket == Path("/etc/commune/agent.sock")
    assert read.api.listen == "127.0.0.1:8710"
    assert read.database == Path("/etc/commune/data/journal.db")
    assert read.devices == ()


def test_everything_outsiders_may_write_is_read() -> None:
    text = """
office = "H26.107"   # comment
data_dir = "/var/lib/commune"
keys_dir = "k"
[province]
url = "http://127.0.0.1:8700"
ca_file = "ca.pem"
[api]
socket = "run/agent.sock"
listen = ""
lan = ""
hostname = "motcua.local"
[sync]
poll_s = 60
exchange_s = 4
day_bytes_max = 20_000_000
quiet = "21:00-06:00"
[[devices]]
name = "door"
driver = "barcode"
port = "usb:0c2e:0b61:20171A0D"
use = "door"
counter = 0
baud = 19200
pattern = ""
"""
    read = config.parse(text, Path("/etc/commune/agent.toml"))
    assert read.province.ca_file == Path("/etc/commune/ca.pem")
    assert read.data_dir == Path("/var/lib/commune")
    assert read.sync.poll_s == 60
    assert (read.sync.day_bytes_max, read.sync.quiet) == (20_000_000, "21:00-06:00")
    assert read.devices[0].port == "usb:0c2e:0b61:20171A0D"
    assert read.devices[0].baud == 19_200


def test_hours_that_leave_nothing_of_the_day_are_refused() -> None:
    assert wrong(GOOD + '[sync]\nquiet = "00:00-24:00"\n') == [("sync.quiet", 7)]


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ('[api]\nlan = ":443"\n', "api.lan"),
        (
            '[[devices]]\nname = "s"\ndriver = "pattern"\nport = "x"\nuse = "scale"\npattern = "g"',
            "devices[0].pattern",
        ),
    ],
)
def test_what_this_version_does_not_have_is_refused_and_not_passed_over(
    written: str, path: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        config.parse(GOOD + written, Path("/etc/commune/agent.toml"))
    (error,) = refused.value.errors
    assert error.path == path
    assert "does not have it yet" in error.message.en
    assert "Remove the line" in error.remedy.en


def test_keys_from_systemd_take_the_place_of_the_directory(tmp_path: Path) -> None:
    read = config.parse(GOOD, Path("/etc/commune/agent.toml"), keys_dir=tmp_path)
    assert read.keys_dir == tmp_path


def test_everything_wrong_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = """office = "h26"
data_dir = 7
nope = 1
[province]
url = "ftp://x"
[api]
listen = "8710"
[sync]
poll_s = 1
exchange_s = 1000
[[devices]]
name = "Door!"
driver = "x"
port = " "
use = "roof"
counter = 100
[[devices]]
name = "a"
driver = "pattern"
port = "x"
use = "door"
pattern = "("
[[devices]]
name = "a"
driver = "barcode"
port = "x"
use = "door"
"""
    assert wrong(text) == [
        ("office", 1), ("data_dir", 2), ("nope", 3), ("province.url", 5), ("api.listen", 7),
        ("sync.poll_s", 9), ("sync.exchange_s", 10), ("devices[0].name", 12),
        ("devices[0].driver", 13), ("devices[0].port", 14), ("devices[0].use", 15),
        ("devices[0].counter", 16), ("devices[1].pattern", 22), ("devices[2].name", 24),
    ]  # fmt: skip


def test_what_is_missing_is_told_at_the_table_it_belongs_to() -> None:
    assert {path for path, _ in wrong("")} == {"office", "data_dir", "province"}


def test_a_table_where_a_list_belongs_and_the_other_way_round() -> None:
    assert wrong(GOOD + '\n[devices]\nname = "a"') == [("devices", 7)]
    assert wrong(GOOD.replace("[province]", "[[province]]"))[0][0] == "province"


def test_a_dotted_key_has_its_line_too() -> None:
    assert wrong(GOOD.replace("[province]\nurl =", "province.url =") + "api.listen = 3\n") == [
        ("api.listen", 5)
    ]


@pytest.mark.parametrize("text", ["office = ", "[province\nurl=1", 'a = "x'])
def test_what_is_no_toml_names_the_line(text: str) -> None:
    assert wrong(text)[0][0] == ""


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        config.read(tmp_path / "none.toml")
    assert "none.toml" in refused.value.errors[0].message.vi
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'office = "\xe9"')
    with pytest.raises(ConfigInvalid):
        config.read(latin)
    good = tmp_path / "agent.toml"
    good.write_text(GOOD)
    assert config.read(good).office == "H26.107"


@pytest.mark.parametrize("folder", ["data", "data/scans", ".", "keys/x", "/", "../commune", "x/.."])
def test_the_scan_folder_is_none_of_the_agents_own(folder: str) -> None:
    assert wrong(f'{GOOD}\n[scans]\nfolder = "{folder}"\n') == [("scans.folder", 8)]


def test_a_scan_folder_is_relative_to_the_file_and_may_be_left_out() -> None:
    file = Path("/etc/commune/agent.toml")
    assert config.parse(f"{GOOD}\n[scans]\n", file).scans.folder is None
    read = config.parse(f'{GOOD}\n[scans]\nfolder = "scans"\n', file)
    assert read.scans.folder == Path("/etc/commune/scans")
    assert config.parse(f'{GOOD}\n[scans]\nfolder = "/srv/x"\n', file).scans.folder == Path(
        "/srv/x"
    )


def test_what_is_no_text_is_told_once() -> None:
    assert wrong(f"{GOOD}\n[scans]\nfolder = 1\n") == [("scans.folder", 8)]
    text = GOOD.replace('"data"', "5") + "[scans]\nfolder = '/srv/x'\n"
    assert wrong(text) == [("data_dir", 3)]
