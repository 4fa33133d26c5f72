"""A loop over blocks of the batch, one after the other, which bounds the memory of a function."""

from keras import ops


def run_in_blocks(function, inputs, rows, rows_like, totals):
    """Calls `function` on `rows` images at a time and puts the results together.

    The last block is filled up with zeros; their results are cut off, but they do enter the totals,
    so `function` must map zeros to a total of zero.

    Args:
        function: takes one block of each input and returns a list of tensors with one row per
            image, and a list of tensors to add up over the blocks.
        inputs: list of tensors whose first axis is the batch. Its size need not be known while
            tracing.
        rows: images per block, 1 or more.
        rows_like: list of tensors with the dtype and, but for the first axis, the shape of what
            `function` returns per image.
        totals: list of tensors that the sums start from.

    Returns:
        The per-image results, then the totals, as one list.
    """
    batch = ops.shape(inputs[0])[0]
    blocks = (batch + rows - 1) // rows
    inputs = [_with_rows(tensor, blocks * rows) for tensor in inputs]
    results = [ops.zeros((blocks * rows, *like.shape[1:]), dtype=like.dtype) for like in rows_like]

    def step(start, results, totals):
        block = [
            ops.slice(tensor, (start, *(0 for _ in tensor.shape[1:])), (rows, *tensor.shape[1:]))
            for tensor in inputs
        ]
        per_image, to_add = function(*block)
        indices = ops.expand_dims(start + ops.arange(rows, dtype="int32"), -1)
        results = [
            ops.scatter_update(whole, indices, ops.cast(part, whole.dtype))
            for whole, part in zip(results, per_image, strict=True)
        ]
        totals = [total + part for total, part in zip(totals, to_add, strict=True)]
        return start + rows + _zero_after([*per_image, *totals]), results, totals

    _, results, totals = ops.while_loop(
        lambda start, *_: start < blocks * rows, step, (ops.zeros((), "int32"), results, totals)
    )
    return [result[:batch] for result in results] + list(totals)


def _with_rows(tensor, rows):
    missing = rows - ops.shape(tensor)[0]
    return ops.concatenate([tensor, ops.zeros((missing, *tensor.shape[1:]), dtype=tensor.dtype)])


def _zero_after(tensors):
    """Returns the integer 0, but only once all `tensors` are there.

    TensorFlow starts up to ten turns of a loop at once if their data allow it, and would hold all
    their memory. Here the next turn's start waits for this turn's results.
    """
    corners = [ops.ravel(tensor)[0] for tensor in tensors]
    return sum(ops.minimum(0, ops.cast(ops.isnan(corner), "int32")) for corner in corners)
