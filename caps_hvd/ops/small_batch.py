"""The choice between two forms of a computation, for batches of few images and of many."""

import contextlib
import contextvars

from keras import ops

_ONE_FORM = contextvars.ContextVar("one_form", default=False)


@contextlib.contextmanager
def one_form_for_all_batches():
    """Leaves the form for few images out of what is traced inside, for graphs that go elsewhere."""
    token = _ONE_FORM.set(True)
    try:
        yield
    finally:
        _ONE_FORM.reset(token)


def for_few_images(images, most, few, many):
    """Returns `few()` for a batch of at most `most` images, else `many()`.

    TensorFlow traces both, so that one trace serves every batch size.

    Args:
        images: tensor with the batch as its first axis.
        most: images up to which `few` is the faster one.
        few, many: functions without arguments that return tensors of the same types, and of the
            same shapes where these matter behind; both must hold for any batch, because
            TensorFlow's constant folding may run pieces of the one that is not taken.
    """
    if _ONE_FORM.get():
        return many()
    are_few = ops.shape(images)[0] <= most
    if isinstance(are_few, bool):
        return few() if are_few else many()
    # The batch is not known before it is there: the graph holds both forms.
    return ops.cond(are_few, few, many)
