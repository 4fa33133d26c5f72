"""Rows of a report as data for other programs: CSV and JSON, every digit."""

import csv
import io
import json


def to_csv(rows) -> str:
    """All columns that a row has; a value that is not known is an empty cell.

    Args:
        rows: dicts of plain values.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def to_json(values) -> str:
    """Plain values as JSON for people and programs; it ends with a newline."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
