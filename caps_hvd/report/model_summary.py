"""Table of a model's layers as text."""

import math

from caps_hvd.report.sheet import align


def to_text(title: str, image_shape, rows) -> str:
    """A table with one line per layer, and the totals.

    Args:
        title: what the model is called.
        image_shape: (height, width, channels).
        rows: one per layer, with `layer`, `output_shape`, `parameters`,
            `forward_flops_per_image` and `activation_bytes_per_image`.
    """
    names = ("parameters", "forward_flops_per_image", "activation_bytes_per_image")
    costs = [[getattr(row, name) for name in names] for row in rows]
    costs.append([sum(column) for column in zip(*costs, strict=True)])
    layers = [(row.layer, " x ".join(map(str, row.output_shape))) for row in rows]
    cells = [
        (*layer, *(f"{cost:,}" for cost in own))
        for layer, own in zip([*layers, ("total", "")], costs, strict=True)
    ]
    heads = ("layer", "output", "parameters", "FLOPs / image", "activation bytes / image")
    head, *lines, total = align([heads, *cells], left=2)
    rule = "-" * len(head)
    pixels = math.prod(image_shape)
    shape = " x ".join(map(str, image_shape))
    title = f"{title}, images of {shape} ({pixels:,} values), forward pass"
    return "\n".join([title, "", head, rule, *lines, rule, total])
