"""Where HDF5 keeps the values of an array: whether they are there, and what is needed to read them.

Values may be compressed by filters that are plugins, lie in other files (external and virtual
storage), or never have been written, which reads as the fill value.
"""

import contextlib
import os
from math import prod

import h5py

from caps_hvd.data.readers.checks import MAX_EXPANSION
from caps_hvd.errors import DataError

# Filters that are plugins, by the numbers that The HDF Group gave them.
_PLUGINS = {
    307: "bzip2",
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32017: "sz",
    32024: "sz3",
    32026: "blosc2",
    32028: "sperr",
}


def open_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Returns an array of an open file; files that hold its values are found beside this one.

    Args:
        file: open.
        name: of the array.
    """
    # HDF5's own way is to look in the folder that the program was started in. What is open with
    # one way to look cannot be opened with another.
    with contextlib.suppress(KeyError):
        dataset = file[name]
        if all(os.path.exists(path) for path, _, _ in dataset.external or ()):
            return dataset
        del dataset
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode(), access))


def check_storage(where: str, dataset: h5py.Dataset, *, whole: bool = False) -> None:
    """Refuses an array whose values cannot be read, before they are.

    Args:
        where: what errors call it.
        dataset: open.
        whole: whether all values are needed in memory, so that each must have been written.

    Raises:
        DataError: a filter's plugin or another file is missing, or values that are needed are not
            there.
    """
    _check_filters(where, dataset)
    _check_other_files(where, dataset)
    if dataset.is_virtual:
        _check_sources(where, dataset)
    size = dataset.size * dataset.dtype.itemsize
    if dataset.is_virtual or dataset.external or not size:
        return
    stored = dataset.id.get_storage_size()
    if dataset.chunks is None:
        there = min(stored, os.path.getsize(dataset.file.filename))
        if there < size and (stored or whole):
            raise _not_there(where, size, stored)
        return
    steps = zip(dataset.shape, dataset.chunks, strict=True)
    chunks, written = prod(-(-side // step) for side, step in steps), dataset.id.get_num_chunks()
    if whole and written < chunks:
        raise DataError(
            f"{where} has {chunks} chunks, of which {written} were written; write it whole"
        )
    if whole and _codes(dataset) <= {1, 2, 3} and size > stored * MAX_EXPANSION:
        raise _not_there(where, size, stored)


def _not_there(where, size, stored) -> DataError:
    return DataError(
        f"{where} should have {size} bytes, of which {stored} are in the file: it was never "
        "written, or is damaged; write it again"
    )


def _filters(dataset) -> list[tuple[int, str]]:
    """(number, name) of the filters that values went through."""
    plan = dataset.id.get_create_plist()
    found = [plan.get_filter(index) for index in range(plan.get_nfilters())]
    return [(code, name.decode(errors="replace")) for code, _, _, name in found]


def _codes(dataset) -> set[int]:
    return {code for code, _ in _filters(dataset)}


def _check_filters(where, dataset) -> None:
    missing = [(code, name) for code, name in _filters(dataset) if not _has(code)]
    if not missing:
        return
    with contextlib.suppress(ImportError):
        import hdf5plugin  # noqa: F401, it tells HDF5 of its filters
    for code, name in missing:
        if not _has(code):
            called = _PLUGINS.get(code) or name.split(";")[0].strip() or "one without a name"
            raise DataError(
                f"{where} is compressed by {called} (HDF5 filter {code}), which this HDF5 lacks; "
                "install it with `pip install hdf5plugin`, or write the file with gzip or without "
                "compression"
            )


def _has(code: int) -> bool:
    return bool(h5py.h5z.filter_avail(code))


def _check_other_files(where, dataset) -> None:
    """HDF5 reads a virtual array whose file is missing as fill values, without a word."""
    folder = os.path.dirname(os.path.abspath(dataset.file.filename))
    sources = dataset.virtual_sources() if dataset.is_virtual else []
    names = {source.file_name for source in sources} - {"."}
    names |= {name for name, _, _ in dataset.external or ()}
    for name in sorted(names):
        plain = "%" not in name  # else a pattern that stands for many files
        if plain and not any(os.path.exists(os.path.join(at, name)) for at in (folder, "")):
            raise DataError(
                f"{where} has its values in {name}, which is not there; put it beside "
                f"{os.path.basename(dataset.file.filename)}"
            )


def _check_sources(where, dataset) -> None:
    """Of a virtual array the first source alone is opened: there may be thousands, all alike."""
    source = next(iter(dataset.virtual_sources()), None)
    if source is None or "%" in source.file_name or source.file_name == ".":
        return
    folder = os.path.dirname(os.path.abspath(dataset.file.filename))
    beside = os.path.join(folder, source.file_name)
    path = beside if os.path.exists(beside) else source.file_name
    with h5py.File(path, "r", locking=False) as file:
        if source.dset_name in file:
            _check_filters(f"{where} in {source.file_name}", file[source.dset_name])


def never_written(dataset: h5py.Dataset) -> bool:
    """Whether values were never written, and read as the fill value."""
    status = dataset.id.get_space_status()
    return status != h5py.h5d.SPACE_STATUS_ALLOCATED and not dataset.is_virtual
