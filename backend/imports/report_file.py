"""The report of an import as a file: its source, counts, and each refused row."""

from collections.abc import Sequence

from backend.core.language import language as current
from backend.core.language import translate
from backend.core.tabular.output.table_files import Cell, Format, table_file
from backend.imports.schemas import ImportFileOut


def report_content(imported: ImportFileOut, kind: Format) -> bytes:
    """The content of the report file, in the caller's language."""
    file = table_file(kind, current.get())
    return file.rows([*_report_head(imported), [], _column_titles(), *_problem_rows(imported)]) + file.end()


def _report_head(imported: ImportFileOut) -> list[Sequence[Cell]]:
    report, source = imported.report, imported.report.source
    rows: list[Sequence[Cell]] = [
        [translate("Rows"), report.rows],
        [translate("Created"), report.created],
        [translate("Updated"), report.updated],
        [translate("Unchanged"), report.unchanged],
        [translate("Refused"), report.refused],
    ]
    if source:
        rows.append([translate("Encoding"), source.encoding or source.format])
        rows.append([translate("Separator"), {"\t": "TAB"}.get(source.delimiter, source.delimiter)])
        rows.append([translate("Sheet"), source.sheet, *source.other_sheets])
    rows += [[translate("Column"), header, field] for header, field in report.columns.items()]
    rows += [[translate("Column that we do not know"), header] for header in report.ignored_columns]
    return rows


def _column_titles() -> Sequence[Cell]:
    return [
        translate("Line"),
        translate("Column"),
        translate("Value"),
        translate("Reason"),
        translate("Code of the reason"),
    ]


def _problem_rows(imported: ImportFileOut) -> list[Sequence[Cell]]:
    return [[row.line, row.column, row.value, row.detail, row.code] for row in imported.report.problems]
