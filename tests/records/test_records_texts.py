"""Every text the program asks for is there, and every text that is there is asked for."""

import re
from pathlib import Path
from typing import get_args

from records.desk_events import State
from records.dossier import ALLOWED
from records.fee_statistics import COLUMNS as FEE_COLUMNS
from records.statistics import COLUMNS
from records.texts import TEXTS
from records.values import PaidBy
from records.visit_statistics import COLUMNS as VISIT_COLUMNS

SOURCE = "\n".join(
    path.read_text("utf-8") for path in (Path(__file__).parents[2] / "records").glob("*.py")
)


def test_every_text_asked_for_is_there() -> None:
    asked = set(re.findall(r'"((?:field|refusal)\.[a-z0-9_]+)"', SOURCE))
    asked |= {f"caution.{code}" for code in re.findall(r'caution\("([a-z-]+)"', SOURCE)}
    asked |= {f"field.{key}" for key in re.findall(r' wrong\([^(),]+, "([a-z_]+)"', SOURCE)}
    asked |= {f"state.{state}" for state in get_args(State)}
    asked |= {f"command.{command}" for command in ALLOWED}
    assert asked - TEXTS.keys() == set()


def test_no_text_stands_there_for_nothing() -> None:
    headed = {f"column.{name}" for name in (*COLUMNS, *VISIT_COLUMNS, *FEE_COLUMNS)}
    headed |= {f"paid_by.{way}" for way in get_args(PaidBy)}
    assert headed <= TEXTS.keys()
    for key in TEXTS.keys() - headed:
        last = key.partition(".")[2]
        assert f'"{key}"' in SOURCE or f'"{last}"' in SOURCE, key


def test_both_languages_fill_in_the_same_names() -> None:
    for key, text in TEXTS.items():
        assert set(re.findall(r"{(\w+)}", text.vi)) == set(re.findall(r"{(\w+)}", text.en)), key
