"""The shipped catalogue: real procedures, each with its certainty and source."""

import time

import msgspec
import pytest

from records.catalogue import Procedure, load, read
from records.codes import parse_procedure_code

HEADER = (
    "version,code,name,field,working_days,published_time,published_fee,level,certainty,source\n"
)


def test_every_row_is_there_with_its_source() -> None:
    catalogue = load()
    assert catalogue.version == "2026-11"
    assert len(catalogue.rows) == 155
    for code, row in catalogue.rows.items():
        assert parse_procedure_code(code) is not None
        assert row.procedure.code == code
        assert row.source
        assert row.level


def test_unverified_rows_load_without_a_time() -> None:
    unverified = [row for row in load().rows.values() if row.certainty == "?"]
    assert len(unverified) > 10
    assert all(row.procedure.working_days is None for row in unverified)
    assert any(row.published_time for row in unverified)


def test_times_of_certain_rows() -> None:
    catalogue = load()
    days = {
        "1.001193": 0,  # birth registration: the same day
        "1.000894": 0,  # marriage, longer only when verification is needed
        "1.004859": 3,
        "2.001016": 2,
        "2.002755": 12,
        "1.001669": 5,
        "2.000806": None,  # published in calendar days of the former district level
        "1.013978": None,
        "1.001653": None,  # unverified
    }
    for code, expected in days.items():
        procedure = catalogue.get(code)
        assert procedure is not None
        assert procedure.working_days == expected, code


def test_fees_of_certification() -> None:
    catalogue = load()
    rules = {
        "2.000815": ("per_page", None),
        "2.000942": ("per_page", None),
        "2.000884": ("fixed", 10_000),
        "2.001019": ("fixed", 50_000),
        "2.000908": ("none", None),
        "1.001193": ("unknown", None),
    }
    for code, (rule, amount) in rules.items():
        procedure = catalogue.get(code)
        assert procedure is not None
        assert (procedure.fee.rule, procedure.fee.amount_vnd) == (rule, amount)


def test_an_unknown_code_is_none() -> None:
    assert load().get("9.999999") is None


def test_every_procedure_survives_the_desk_event() -> None:
    for procedure in load().procedures():
        body = msgspec.json.encode(procedure)
        assert msgspec.json.decode(body, type=Procedure) == procedure


def test_the_example_of_the_interface_is_read() -> None:
    body = (
        '{"code":"1.001193","name":"Thủ tục đăng ký khai sinh","field":"Hộ tịch","working_days":0,'
        '"fee":{"rule":"none"},"papers":[{"name":"Tờ khai","original":true,"copies":1}],'
        '"channels":["direct","online","postal"],"return_channels":["direct","postal"],'
        '"must_collect":false,"online_level":"full","version":"2026-11"}'
    )
    procedure = msgspec.json.decode(body, type=Procedure)
    assert procedure.papers[0].name == "Tờ khai"
    assert msgspec.json.decode(msgspec.json.encode(procedure)) == msgspec.json.decode(body)


def test_a_procedure_without_any_channel_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="channels"):
        msgspec.json.decode(
            b'{"code":"1","name":"n","field":"f","version":"v","channels":[]}', type=Procedure
        )


def test_loading_is_quick_and_done_once() -> None:
    started = time.process_time()
    load.cache_clear()
    first = load()
    assert time.process_time() - started < 0.05  # about 2 ms; room for a slow machine
    assert load() is first


def test_a_row_that_is_wrong_is_named_by_line_and_code() -> None:
    good = "2026-11,1.000001,Tên,Lĩnh vực,3,,,xã,H,source\n"
    with pytest.raises(ValueError, match=r"line 3 \(1\.000002\).*certainty"):
        read(HEADER + good + "2026-11,1.000002,Tên,Lĩnh vực,3,,,xã,X,source\n")
    with pytest.raises(ValueError, match=r"line 2 \(1\.000001\)"):
        read(HEADER + good.replace(",3,", ",three,"))
    with pytest.raises(ValueError, match=r"line 2 \(1\.000001\).*working_days"):
        read(HEADER + good.replace(",3,", ",-3,"))
    with pytest.raises(ValueError, match=r"line 3: 1\.000001 stands there twice"):
        read(HEADER + good + good)
    with pytest.raises(ValueError, match="line 2"):
        read("code\n1.000001\n")


def test_an_empty_catalogue_has_no_version() -> None:
    assert read(HEADER).version == ""
