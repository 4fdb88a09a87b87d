"""`report`: what the office reports, as a table, CSV, JSON or XLSX."""

import sys
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode

import click

from agent.cli.link import daemon_of
from agent.cli.tree import Context
from agent.views.lists import NamedVisitList, VisitList
from agent.web.limits import LIST_LIMIT_MAX
from console.speech import EXIT_USAGE, Speech
from console.table import print_table
from console.words import WordsGroup, command, group
from records.csv_text import Cell, write_csv
from records.fee_statistics import COLUMNS as FEE_COLUMNS
from records.fee_statistics import FeeRow, FeeStatistics, sheet
from records.present import VisitItem
from records.statistics import COLUMNS, Statistics, StatisticsRow
from records.texts import TEXTS
from records.visit_statistics import COLUMNS as VISIT_COLUMNS
from records.visit_statistics import VisitStatistics, VisitStatisticsRow
from records.workbook import write_workbook

FORMATS: Final = ("table", "csv", "json", "xlsx")
FILES: Final = ("csv", "xlsx")


def dossiers(
    context: Context, *, first: datetime, last: datetime, form: str, with_id: bool
) -> None:
    """Print the statistics of dossiers."""
    _tell_no_persons(context.speech, with_id)
    days = _days(context.speech, first, last)
    statistics = daemon_of(context).get(f"/api/statistics/dossiers?{urlencode(days)}", Statistics)
    if form == "json":
        context.speech.print_json(statistics)
        return
    rows = [[_cell(row, name) for name in COLUMNS] for row in statistics.rows]
    if form in FILES:
        _write(context.speech, form, "dossiers", COLUMNS, rows)
        return
    totals = [_cell(statistics.totals, name) for name in COLUMNS]
    # A terminal is narrow: columns that are empty everywhere say nothing.
    shown = [n for n, _ in enumerate(COLUMNS) if any(row[n] for row in [*rows, totals])]
    table = [[row[n] for n in shown] for row in [*rows, totals]]
    print_table([COLUMNS[n] for n in shown], table)


def fees(context: Context, *, first: datetime, last: datetime, form: str, with_id: bool) -> None:
    """Print what each clerk took on each day, by way of paying, and the total."""
    speech = context.speech
    _tell_no_persons(speech, with_id)
    days = _days(speech, first, last)
    told = daemon_of(context).get(f"/api/statistics/fees?{urlencode(days)}", FeeStatistics)
    if form == "json":
        speech.print_json(told)
        return
    if form == "csv":
        cells = [[_cell(row, name) for name in FEE_COLUMNS] for row in told.rows]
        _write(speech, form, "fees", FEE_COLUMNS, cells)
    elif form == "xlsx":
        _write(speech, form, "fees", FEE_COLUMNS, sheet(told, "vi"))
    else:
        headings = [TEXTS[f"column.{name}"].pick(speech.lang) for name in FEE_COLUMNS]
        print_table(headings, sheet(told, speech.lang))


def visits(context: Context, *, first: datetime, last: datetime, form: str, with_id: bool) -> None:
    """Print how many came on each day, or with `json` each visit, oldest day first."""
    days = _days(context.speech, first, last)
    daemon = daemon_of(context)
    shape: type[VisitList | NamedVisitList] = NamedVisitList if with_id else VisitList
    if form != "json":
        _tell_no_persons(context.speech, with_id)
        told = daemon.get(f"/api/statistics/visits?{urlencode(days)}", VisitStatistics)
        rows = [[_cell(row, name) for name in VISIT_COLUMNS] for row in told.rows]
        if form in FILES:
            _write(context.speech, form, "visits", VISIT_COLUMNS, rows)
        else:
            totals = [_cell(told.totals, name) for name in VISIT_COLUMNS]
            print_table(VISIT_COLUMNS, [*rows, totals])
        return
    visits: list[VisitItem] = []
    for day in range(days["from"].toordinal(), days["to"].toordinal() + 1):
        query: dict[str, Any] = {"on": date.fromordinal(day), "limit": LIST_LIMIT_MAX}
        if with_id:
            query["with_id"] = 1
        after: str | None = ""
        while after is not None:
            page: VisitList | NamedVisitList = daemon.get(f"/api/visits?{urlencode(query)}", shape)
            visits += page.items
            after = query["after"] = page.next
    context.speech.print_json(visits)


def _days(speech: Speech, first: datetime, last: datetime) -> dict[str, date]:
    if first > last:
        speech.tell(speech("error.period"))
        raise SystemExit(EXIT_USAGE)
    return {"from": first.date(), "to": last.date()}


def _tell_no_persons(speech: Speech, with_id: bool) -> None:
    if with_id:
        speech.tell(speech("report.no-persons"))


def _cell(row: StatisticsRow | VisitStatisticsRow | FeeRow, name: str) -> Cell:
    value: Any = getattr(row, name)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _write(
    speech: Speech, form: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> None:
    if form == "csv":
        content = write_csv(columns, rows)
    elif sys.stdout.isatty():
        speech.tell(speech("report.terminal", name=name))
        raise SystemExit(EXIT_USAGE)
    else:
        content = write_workbook(speech(f"report.{name}"), columns, rows)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _report(speech: Speech) -> WordsGroup:
    def day(name: str, variable: str) -> click.Option:
        return click.Option(
            [f"--{name}", variable],
            type=click.DateTime(["%Y-%m-%d"]),
            required=True,
            metavar="D",
            help=speech(f"option.{name}"),
        )

    params = (
        day("from", "first"),
        day("to", "last"),
        click.Option(
            ["--format", "form"],
            type=click.Choice(FORMATS),
            default="table",
            help=speech("option.format"),
        ),
        click.Option(["--with-id"], is_flag=True, help=speech("option.with-id")),
    )
    return group(
        speech,
        "report",
        {
            "dossiers": lambda s: command(s, "dossiers", dossiers, *params, key="report-dossiers"),
            "fees": lambda s: command(s, "fees", fees, *params, key="report-fees"),
            "visits": lambda s: command(s, "visits", visits, *params, key="report-visits"),
        },
    )


COMMANDS = {"report": _report}
