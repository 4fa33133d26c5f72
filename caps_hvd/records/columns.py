"""Tables of plain values as columns of an HDF5 file, with units and with unknown values.

A table is a group, a column a one-dimensional data set in it. The column's attribute `unit` says
what is counted; `missing` is the value that stands for None (NaN does in a column of real numbers);
`encoding` is `json` where the values are of different types.
"""

import dataclasses
import json

from caps_hvd.io.options import value_type

PLAIN = (int, float, str, bool)

_UNITS_BY_ENDING = {
    "seconds": "s",
    "joules": "J",
    "samples": "images",
    "images_per_second": "images/s",
    "images_per_step": "images",
    "bytes_per_step": "bytes",
}
_MISSING = {int: -1, str: ""}


def write_table(group, kind, rows) -> None:
    """Writes one column for each field of a class that is a plain value.

    Args:
        group: HDF5 group.
        kind: the rows' dataclass.
        rows: its instances.
    """
    for field in dataclasses.fields(kind):
        plain, optional = value_type(field)
        if plain in PLAIN:
            write(group, field.name, plain, [getattr(row, field.name) for row in rows], optional)


def write(group, name: str, kind: type, values, optional: bool = False) -> None:
    """Writes one column.

    Args:
        group: HDF5 group.
        name: of the column; its ending tells the unit.
        kind: int, float, str or bool.
        values: of that type, or None where `optional`.
        optional: whether None may be among them.
    """
    import h5py

    dtype = {str: h5py.string_dtype(), int: "i8", float: "f8", bool: "?"}[kind]
    missing = _MISSING.get(kind, float("nan"))
    values = [missing if value is None else value for value in values]
    column = group.create_dataset(name, (len(values),), dtype, values)
    if optional and kind in _MISSING:
        column.attrs["missing"] = missing
    if unit := _unit(name):
        column.attrs["unit"] = unit


def write_mixed(group, name: str, values) -> None:
    """Writes one column of values that may be of different types, or None."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= set(PLAIN):
        write(group, name, *kinds, values)
    else:
        write(group, name, str, [json.dumps(value) for value in values])
        group[name].attrs["encoding"] = "json"


def read_table(group) -> list[dict]:
    """Returns the rows of a table, as dicts.

    Raises:
        ValueError: the columns differ in length.
    """
    columns = {name: read(column) for name, column in group.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def read(column) -> list:
    """Returns the values of a column, None where one is unknown."""
    import h5py

    text = h5py.check_string_dtype(column.dtype) is not None
    values = (column.asstr()[()] if text else column[()]).tolist()
    if column.attrs.get("encoding") == "json":
        return [json.loads(value) for value in values]
    missing = column.attrs.get("missing")
    # NaN is the only value that differs from itself.
    return [None if value == missing or value != value else value for value in values]


def _unit(name):
    endings = (unit for ending, unit in _UNITS_BY_ENDING.items() if name.endswith(ending))
    return next(endings, None)
