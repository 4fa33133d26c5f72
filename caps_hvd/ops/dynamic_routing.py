"""Routing by agreement without the prediction tensor.

Axes, the same letters in every file of this package:

    b  image of the batch      i  input capsule      d  component of an input capsule
    j  output capsule, class   o  component of an output capsule

Routing needs the predictions `u_bijo = sum_d x_bid W_djoi` only inside two sums, and both are
derivatives of one form that is linear in each of its four arguments:

    T(c, q, x, W) = sum_{b,i,d,j,o}  c_jbi  q_jbo  x_dbi  W_djoi

    the vote of the inputs    s_jbo = dT/dq     (couplings c in, total inputs s out)
    the agreement             a_jbi = dT/dc     (outputs q = v in, agreements a out)

so `u`, of shape (b, i, j, o), is never needed: each is a sum over `d` of a product of matrices and
an element-wise product, in tensors of shape (j, b, i) at most.  The backward pass needs nothing
else.  The gradient of the vote with respect to `c` is an agreement, that of the agreement with
respect to `q` is a vote, and the gradients for `x` and `W` are the other two derivatives of T,
summed over the pairs (c, q) that the routing iterations leave behind.

With capsules as the innermost axis every element-wise pass runs along contiguous memory.
"""

import collections

from keras import ops

from caps_hvd.ops.batch_blocks import run_in_blocks
from caps_hvd.ops.precision import at_least_float32
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
        weights: tensor of shape (in_dim, classes, out_dim, in_capsules).
        iterations: how often couplings are computed, 1 or more. With 1 they are uniform.
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
    whole = memory_mib is None
    rows = None if whole else _rows_within(memory_mib, weights.shape, iterations)

    @ops.custom_gradient
    def route(capsules, weights):
        x = ops.unstack(ops.transpose(capsules, (2, 0, 1)), axis=0)
        w = ops.unstack(weights, axis=0)
        if whole:
            outputs, trace = _forward(x, w, iterations)
        else:
            outputs = _forward_in_blocks(x, w, iterations, rows)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            if whole:
                pairs = _backward(x, w, trace, upstream, stop_gradient)
                for_x, for_w = _capsule_gradient(pairs, w), _weight_gradient(pairs, x)
            else:
                for_x, for_w = _backward_in_blocks(x, w, upstream, iterations, stop_gradient, rows)
            for_capsules = ops.transpose(ops.stack(for_x), (1, 2, 0))
            return ops.cast(for_capsules, capsules.dtype), ops.cast(ops.stack(for_w), weights.dtype)

        return outputs, gradient

    return route(capsules, weights)


# From here on `x` and `w` are lists over d of tensors (b, i) and (j, o, i).

Iteration = collections.namedtuple("Iteration", "couplings total output")


def _forward(x, w, iterations):
    """Returns (outputs of shape (b, j, o), what `_backward` needs of each iteration)."""
    trace, logits = [], None
    for iteration in range(iterations):
        couplings = None if logits is None else _softmax_over_classes(logits)
        total = _vote(couplings, x, w)
        output = squash(total)
        trace.append(Iteration(couplings, total, output))
        if iteration + 1 < iterations:
            agreement = _agreement(output, x, w)
            logits = agreement if logits is None else logits + agreement
    return ops.transpose(output, (1, 0, 2)), trace


def _backward(x, w, trace, upstream, stop_gradient):
    """Returns the pairs (couplings, outputs) whose sums of dT/dx and dT/dW are the gradients."""
    pairs, logits_gradient = [], None
    output_gradient = ops.transpose(upstream, (1, 0, 2))
    for iteration in reversed(range(len(trace))):
        couplings, total, _ = trace[iteration]
        total_gradient = squash_gradient(total, output_gradient)
        pairs.append((couplings, total_gradient))
        if iteration == 0 or stop_gradient:
            break
        # These logits are the sum of all earlier agreements, so their gradient goes on to each.
        gradient = _softmax_gradient(couplings, _agreement(total_gradient, x, w))
        logits_gradient = gradient if logits_gradient is None else logits_gradient + gradient
        pairs.append((logits_gradient, trace[iteration - 1].output))
        output_gradient = _vote(logits_gradient, x, w)
    return pairs


def _forward_in_blocks(x, w, iterations, rows):
    def block(*x):
        return [_forward(x, w, iterations)[0]], []

    classes, out_dim, _ = w[0].shape
    outputs = at_least_float32(ops.zeros((1, classes, out_dim), dtype=w[0].dtype))
    return run_in_blocks(block, x, rows, rows_like=[outputs], totals=[])[0]


def _backward_in_blocks(x, w, upstream, iterations, stop_gradient, rows):
    def block(upstream, *x):
        _, trace = _forward(x, w, iterations)
        pairs = _backward(x, w, trace, upstream, stop_gradient)
        return _capsule_gradient(pairs, w), _weight_gradient(*_as_one_pair(pairs, x))

    zeros = [at_least_float32(ops.zeros_like(wd)) for wd in w]
    gradients = run_in_blocks(block, [upstream, *x], rows, rows_like=x, totals=zeros)
    return gradients[: len(x)], gradients[len(x) :]


def _as_one_pair(pairs, x):
    """Joins the pairs along the batch, which x then repeats.

    A sum over pairs holds as many tensors of the weights' size at once, and they are what is large
    where the batch goes through in blocks.
    """
    shape = (pairs[0][1].shape[0], *x[0].shape)  # (j, b, i)
    couplings = [
        ops.full(shape, 1.0 / shape[0], dtype=outputs.dtype) if c is None else c
        for c, outputs in pairs
    ]
    outputs = [outputs for _, outputs in pairs]
    joined = (ops.concatenate(couplings, axis=1), ops.concatenate(outputs, axis=1))
    return [joined], [ops.concatenate([xd] * len(pairs), axis=0) for xd in x]


def _rows_within(memory_mib, weights_shape, iterations):
    """How many images fit: a block holds about this many tensors of shape (classes, rows, i)."""
    in_dim, classes, _, in_capsules = weights_shape
    pairs = 2 * iterations - 1
    # Most are there in the gradient for W: a product of every pair's couplings with every x_d.
    tensors = in_dim * pairs + 2 * iterations
    return max(1, int(memory_mib * 2**20 / (4 * tensors * classes * in_capsules)))


# The four derivatives of T. Couplings of None are the uniform ones, 1 / classes, for which no
# tensor over i is needed.


def _vote(couplings, x, w):
    """dT/dq: (j, b, o)."""
    if couplings is None:
        classes, out_dim, in_capsules = w[0].shape
        flat = [ops.transpose(ops.reshape(wd, (classes * out_dim, in_capsules))) for wd in w]
        total = _sum(ops.matmul(xd, wd) for xd, wd in zip(x, flat, strict=True)) / classes
        return ops.transpose(ops.reshape(total, (-1, classes, out_dim)), (1, 0, 2))
    couplings = ops.cast(couplings, x[0].dtype)
    across = [ops.swapaxes(wd, 1, 2) for wd in w]
    return _sum(ops.matmul(couplings * xd, wd) for xd, wd in zip(x, across, strict=True))


def _agreement(outputs, x, w):
    """dT/dc: (j, b, i)."""
    outputs = ops.cast(outputs, w[0].dtype)
    return _sum(ops.matmul(outputs, wd) * xd for xd, wd in zip(x, w, strict=True))


def _capsule_gradient(pairs, w):
    """dT/dx, summed over the pairs (couplings, outputs): a list over d of (b, i)."""
    classes, out_dim, in_capsules = w[0].shape
    gradients = []
    for wd in w:
        terms = []
        for couplings, outputs in pairs:
            outputs = ops.cast(outputs, wd.dtype)
            if couplings is None:
                flat = ops.reshape(ops.transpose(outputs, (1, 0, 2)), (-1, classes * out_dim))
                wide = ops.reshape(wd, (classes * out_dim, in_capsules))
                terms.append(ops.matmul(flat, wide) / classes)
            else:
                couplings = ops.cast(couplings, wd.dtype)
                terms.append(ops.sum(couplings * ops.matmul(outputs, wd), axis=0))
        gradients.append(_sum(terms))
    return gradients


def _weight_gradient(pairs, x):
    """dT/dW, summed over the pairs (couplings, outputs): a list over d of (j, o, i)."""
    gradients = []
    for xd in x:
        terms = []
        for couplings, outputs in pairs:
            across = ops.cast(ops.swapaxes(outputs, 1, 2), xd.dtype)
            if couplings is None:
                terms.append(ops.matmul(across, xd) / across.shape[0])
            else:
                terms.append(ops.matmul(across, ops.cast(couplings, xd.dtype) * xd))
        gradients.append(_sum(terms))
    return gradients


def _softmax_over_classes(logits):
    # Not `ops.softmax(axis=0)`: TensorFlow transposes the tensor there and back for it.
    powers = ops.exp(logits - ops.max(logits, axis=0, keepdims=True))
    return powers / ops.sum(powers, axis=0, keepdims=True)


def _softmax_gradient(probabilities, upstream):
    mean = ops.sum(probabilities * upstream, axis=0, keepdims=True)
    return probabilities * (upstream - mean)


def _sum(terms):
    """Adds tensors up, half precision in float32."""
    total = None
    for term in terms:
        total = at_least_float32(term) if total is None else total + at_least_float32(term)
    return total


def _check(capsules, weights, iterations):
    if iterations < 1:
        raise ValueError(f"`iterations` must be 1 or more. Received: iterations={iterations}")
    if len(capsules) != 3 or len(weights) != 4 or capsules[1:] != (weights[3], weights[0]):
        raise ValueError(
            "`capsules` must have the shape (batch, in_capsules, in_dim) and `weights` the shape "
            "(in_dim, classes, out_dim, in_capsules), with the same in_dim and in_capsules. "
            f"Received: capsules.shape={tuple(capsules)}, weights.shape={tuple(weights)}"
        )
