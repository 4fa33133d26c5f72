"""Routing by agreement without the prediction tensor.

Axes, the same letters in every file of this package:

    b  image of the batch      i  input capsule      d  component of an input capsule
    j  output capsule, class   o  component of an output capsule

Routing needs the predictions `u_bijo = sum_d x_bid W_djoi` only inside two sums, and both are
derivatives of one form that is linear in each of its four arguments:

    T(c, q, x, W) = sum_{b,i,d,j,o}  c_jbi  q_jbo  x_dbi  W_djoi

    the vote of the inputs    s_jbo = dT/dq     (couplings c in, total inputs s out)
    the agreement             a_jbi = dT/dc     (outputs q = v in, agreements a out)

so `u`, of shape (b, i, j, o), is never needed.  The backward pass needs nothing else.  The gradient
of the vote with respect to `c` is an agreement, that of the agreement with respect to `q` is a
vote, and the gradients for `x` and `W` are the other two derivatives of T, summed over the pairs
(c, q) that the routing iterations leave behind.

What is here holds for any T.  `own_transformations.py` and `shared_transformations.py` have its
derivatives for weights of each input capsule's own, and for weights that positions share;
`materialized_predictions.py` has those for a batch so small that `u` is smaller than the weights.
`native_routing.py` has the whole in C++, for TensorFlow on CPUs where that has been built.
"""

import collections

from keras import ops

from caps_hvd.ops.custom_gradient import custom_gradient
from caps_hvd.ops.precision import at_least_float32
from caps_hvd.ops.routing.batch_blocks import run_in_blocks
from caps_hvd.ops.routing.materialized_predictions import MaterializedPredictions
from caps_hvd.ops.routing.native_routing import native_routing, routes_natively
from caps_hvd.ops.routing.own_transformations import OwnTransformations
from caps_hvd.ops.routing.pair import Pair
from caps_hvd.ops.routing.shared_transformations import SharedTransformations
from caps_hvd.ops.small_batch import for_few_images
from caps_hvd.ops.squash import squash, squash_gradient


def dynamic_routing(capsules, weights, iterations=3, stop_gradient=False, memory_mib=None):
    """Routes input capsules to output capsules by agreement.

    With predictions `u_ij = W_ij^T x_i` and logits `b_ij = 0` it repeats, `iterations` times,

        c_ij = softmax_j(b_ij)     s_j = sum_i c_ij u_ij     v_j = squash(s_j)
        b_ij = b_ij + u_ij . v_j   (not after the last iteration)

    Procedure 1 of Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules" (2017), in a form
    that never holds `u`; see the head of this file.

    Args:
        capsules: tensor of shape (batch, in_capsules, in_dim). Its dtype, float16 and bfloat16
            included, is that of the matrix products; logits, softmax, squash and all sums over
            iterations are at least float32.
        weights: tensor of shape (in_dim, classes, out_dim, in_capsules); or of shape (in_dim,
            classes, out_dim, types), where types divides in_capsules: input capsule i then uses
            the weights of type i modulo types, shared by all positions.
        iterations: how often couplings are computed, 1 or more. With 1 they are uniform. Defaults
            to 3.
        stop_gradient: whether the couplings of the last iteration count as constants in the
            backward pass. Defaults to False: gradients flow through all iterations.
        memory_mib: limit in MiB for the working memory of routing, forward and backward. The batch
            then goes through in blocks of as many images as fit (at least one), and the backward
            pass computes each block's forward pass again. Defaults to None: one block, and the
            couplings of each iteration are kept for the backward pass.

    Returns:
        The output capsules `v`, of shape (batch, classes, out_dim), at least float32.

    Raises:
        ValueError: if `iterations` is less than 1 or the shapes do not fit together.
    """
    capsules = ops.convert_to_tensor(capsules)
    # A cast and not `convert_to_tensor`, which hands TensorFlow variables through: their gradient
    # would go round `custom_gradient`.
    weights = ops.cast(weights, capsules.dtype)
    _check(capsules.shape, weights.shape, iterations)
    if memory_mib is None and routes_natively(capsules, weights):
        return native_routing(capsules, weights, iterations, stop_gradient)
    in_capsules, types = capsules.shape[1], weights.shape[-1]

    @custom_gradient
    def route(capsules, weights):
        if types == in_capsules:
            form = OwnTransformations(weights)
        else:
            form = SharedTransformations(weights, in_capsules // types)
        x = form.operands(capsules)
        whole = memory_mib is None
        materialized = MaterializedPredictions(form) if whole and types == in_capsules else None
        if whole:
            outputs, trace = _in_form(form, materialized, x, lambda *at: _forward(*at, iterations))
        else:
            rows = _rows_within(memory_mib, form, in_capsules, iterations)
            outputs = _forward_in_blocks(form, x, iterations, rows)

        def gradient(upstream):
            if whole:

                def backward(form, x):
                    return form.gradients(_backward(form, x, trace, upstream, stop_gradient), x)

                for_x, for_w = _in_form(form, materialized, x, backward)
            else:
                for_x, for_w = _backward_in_blocks(
                    form, x, upstream, iterations, stop_gradient, rows
                )
            return (
                ops.cast(form.capsules(for_x), capsules.dtype),
                ops.cast(form.weights(for_w), weights.dtype),
            )

        return outputs, gradient

    return route(capsules, weights)


def _in_form(form, materialized, x, function):
    """Returns `function(form, x)`, or that of `materialized`, if given, where images are few.

    Args:
        materialized: `MaterializedPredictions` of the same weights, or None.
    """
    if materialized is None:
        return function(form, x)
    return for_few_images(
        x[0],
        materialized.most_images,
        lambda: function(materialized, materialized.with_predictions(x)),
        lambda: function(form, x),
    )


# From here on `x` is a list of tensors as the form likes them, the batch as their first axis.

Iteration = collections.namedtuple("Iteration", "couplings weighted total output projected")


def _forward(form, x, iterations):
    """Returns (outputs of shape (b, j, o), what `_backward` needs of each iteration)."""
    trace, logits = [], None
    for iteration in range(iterations):
        couplings = None if logits is None else _softmax(logits, form.class_axis)
        weighted = None if logits is None else form.weighted(couplings, x)
        total = form.vote(weighted, x)
        output, projected = squash(total), None
        if iteration + 1 < iterations:
            projected = form.projected(output)
            agreement = form.agreement(projected, x)
            logits = agreement if logits is None else logits + agreement
        trace.append(Iteration(couplings, weighted, total, output, projected))
    return ops.transpose(output, (1, 0, 2)), trace


def _backward(form, x, trace, upstream, stop_gradient):
    """Returns the pairs (couplings, outputs) whose sums of dT/dx and dT/dW are the gradients."""
    pairs, logits_gradient = [], None
    output_gradient = ops.transpose(upstream, (1, 0, 2))
    for iteration in reversed(range(len(trace))):
        couplings, weighted, total, _, _ = trace[iteration]
        total_gradient = squash_gradient(total, output_gradient)
        projected = None if couplings is None else form.projected(total_gradient)
        pairs.append(Pair(couplings, weighted, total_gradient, projected))
        if iteration == 0 or stop_gradient:
            break
        # These logits are the sum of all earlier agreements, so their gradient goes on to each.
        gradient = _softmax_gradient(couplings, form.agreement(projected, x), form.class_axis)
        logits_gradient = gradient if logits_gradient is None else logits_gradient + gradient
        weighted = form.weighted(logits_gradient, x)
        before = trace[iteration - 1]
        pairs.append(Pair(logits_gradient, weighted, before.output, before.projected))
        output_gradient = form.vote(weighted, x)
    return pairs


def _forward_in_blocks(form, x, iterations, rows):
    def block(*x):
        return [_forward(form, x, iterations)[0]], []

    outputs = ops.zeros((1, form.classes, form.out_dim), dtype=x[0].dtype)
    return run_in_blocks(block, x, rows, rows_like=[at_least_float32(outputs)], totals=[])[0]


def _backward_in_blocks(form, x, upstream, iterations, stop_gradient, rows):
    def block(upstream, *x):
        _, trace = _forward(form, x, iterations)
        pairs = _backward(form, x, trace, upstream, stop_gradient)
        return form.capsule_gradient(pairs), form.weight_gradient_of_block(pairs, x)

    gradients = run_in_blocks(block, [upstream, *x], rows, rows_like=x, totals=form.zero_weights())
    return gradients[: len(x)], gradients[len(x) :]


def _rows_within(memory_mib, form, in_capsules, iterations):
    """How many images fit: their couplings, as often as the form holds such a tensor at once."""
    bytes_per_image = 4 * form.tensors_at_once(iterations) * form.classes * in_capsules
    return max(1, int(memory_mib * 2**20 / bytes_per_image))


def _softmax(logits, axis):
    # Not `ops.softmax`: TensorFlow transposes the tensor to the last axis and back for it.
    powers = ops.exp(logits - ops.max(logits, axis=axis, keepdims=True))
    return powers / ops.sum(powers, axis=axis, keepdims=True)


def _softmax_gradient(probabilities, upstream, axis):
    mean = ops.sum(probabilities * upstream, axis=axis, keepdims=True)
    return probabilities * (upstream - mean)


def _check(capsules, weights, iterations):
    if iterations < 1:
        raise ValueError(f"`iterations` must be 1 or more. Received: iterations={iterations}")
    fit = len(capsules) == 3 and len(weights) == 4 and capsules[2] == weights[0]
    if not fit or capsules[1] % weights[3] != 0:
        raise ValueError(
            "`capsules` must have the shape (batch, in_capsules, in_dim) and `weights` the shape "
            "(in_dim, classes, out_dim, in_capsules), with the same in_dim and in_capsules, or "
            "(in_dim, classes, out_dim, types) with types dividing in_capsules. "
            f"Received: capsules.shape={tuple(capsules)}, weights.shape={tuple(weights)}"
        )
