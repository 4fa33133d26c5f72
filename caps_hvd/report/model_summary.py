"""A model's layers as a table of text."""

import math


def to_text(title: str, image_shape, rows) -> str:
    """A table with one line per layer, and the totals.

    Args:
        title: what the model is called.
        image_shape: (height, width, channels).
        rows: one per layer, with `layer`, `output_shape`, `parameters`,
            `forward_flops_per_image` and `activation_bytes_per_image`.
    """
    cells = [
        (
            row.layer,
            " x ".join(map(str, row.output_shape)),
            f"{row.parameters:,}",
            f"{row.forward_flops_per_image:,}",
            f"{row.activation_bytes_per_image:,}",
        )
        for row in rows
    ]
    heads = ("layer", "output", "parameters", "FLOPs / image", "activation bytes / image")
    total = (
        "total",
        "",
        f"{sum(row.parameters for row in rows):,}",
        f"{sum(row.forward_flops_per_image for row in rows):,}",
        f"{sum(row.activation_bytes_per_image for row in rows):,}",
    )
    widths = [max(map(len, column)) for column in zip(heads, total, *cells, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    pixels = math.prod(image_shape)
    return "\n".join(
        [
            f"{title}, images of {' x '.join(map(str, image_shape))} ({pixels:,} values), "
            "forward pass",
            "",
            _line(heads, widths),
            rule,
            *(_line(cell, widths) for cell in cells),
            rule,
            _line(total, widths),
        ]
    )


def _line(cells, widths) -> str:
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join(left + right).rstrip()
