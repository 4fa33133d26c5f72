"""The source's multi-lane models, as published and by our count."""

from caps_hvd.report.published.mlcn import TABLE, Row
from caps_hvd.report.sheet import Section, Sheet

_MILLION = 1_000_000
_COLUMNS = (
    ("data set", ""),
    ("model", ""),
    ("parameters", "million"),
    ("ours", "million"),
    ("epoch", "s"),
    ("accuracy", "%"),
)


def table() -> Sheet:
    """The published table with our count of parameters beside theirs.

    Example:
        >>> table().sections[0].rows[1]
        ('cifar10', '4 lanes (mlcn2), width 4', '5', '5.96', '53', '69.05')
    """
    return Sheet(
        key="published-lanes",
        title="Multi-lane capsule networks as published, arXiv:1902.08431",
        columns=_COLUMNS,
        sections=(Section(label="", rows=tuple(map(_cells, TABLE))),),
        notes=(
            "Seconds and accuracy are the source's, on one GPU. The type of the lanes on "
            "Fashion-MNIST is taken to be that on CIFAR-10.",
        ),
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.dataset,
        row.name,
        f"{row.parameters:g}",
        f"{row.counted_parameters() / _MILLION:.2f}",
        f"{row.seconds_per_epoch:g}",
        f"{100 * row.accuracy:.2f}",
    )
