"""Table of a model's layers as text."""

import math

from caps_hvd.report.sheet import align


def to_text(title: str, image_shape, rows) -> str:
    """A table with one line per layer, and the totals.

    Args:
        title: what the model is called.
        image_shape: (height, width, channels).
        rows: one per layer, with `layer`, `output_shape`, `parameters`,
            `forward_flops_per_image` and `activation_bytes_per_image`; None where it is unknown.
    """
    names = ("parameters", "forward_flops_per_image", "activation_bytes_per_image")
    costs = [[getattr(row, name) for name in names] for row in rows]
    columns = list(zip(*costs, strict=True))
    costs.append([sum(filter(None, column)) for column in columns])
    unknown = [None in column for column in columns]
    layers = [(row.layer, " x ".join(map(str, row.output_shape))) for row in rows]
    cells = [
        (*layer, *("?" if cost is None else f"{cost:,}" for cost in own))
        for layer, own in zip([*layers, ("total", "")], costs, strict=True)
    ]
    cells[-1] = tuple(
        f"at least {cell}" if some else cell
        for cell, some in zip(cells[-1], [False, False, *unknown], strict=True)
    )
    heads = ("layer", "output", "parameters", "FLOPs / image", "activation bytes / image")
    head, *lines, total = align([heads, *cells], left=2)
    rule = "-" * len(head)
    pixels = math.prod(image_shape)
    shape = " x ".join(map(str, image_shape))
    title = f"{title}, images of {shape} ({pixels:,} values), forward pass"
    return "\n".join([title, "", head, rule, *lines, rule, total])
