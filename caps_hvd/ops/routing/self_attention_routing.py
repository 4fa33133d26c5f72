"""Routing by self-attention: couplings from how well predictions agree, without iterations."""

import math

from keras import ops

from caps_hvd.ops.precision import at_least_float32
from caps_hvd.ops.squash import exponential_squash


def self_attention_routing(capsules, kernel, prior):
    """Routes input capsules to output capsules by the agreement of their predictions.

    With N input capsules `x_i`, K output capsules `v_k` of D components and predictions
    `u_ki = W_ki^T x_i`:

    `a_ki = sum_j u_ki . u_kj / sqrt(D)`,
    `c_ki = exp(a_ki) / sum_l exp(a_li)`,
    `v_k = squash(sum_i (c_ki + b_ki) u_ki)`, with `exponential_squash`.

    Mazzia, Salvetti and Chiaberge, "Efficient-CapsNet: capsule network with
    self-attention routing", arXiv:2101.12491 (2021), with D as in the code that they published.
    The sum over j is taken first, `a_ki = u_ki . sum_j u_kj / sqrt(D)`, so that no N x N matrix is
    there.

    Args:
        capsules: tensor of shape (batch, N, in_dim), the input capsules x.
        kernel: tensor of shape (K, N, in_dim, D), the transformations W.
        prior: tensor of shape (K, N), the log priors b.

    Returns:
        Tensor of shape (batch, K, D), the output capsules v, at least float32: in half precision
        only the predictions are computed in it.
    """
    predictions = at_least_float32(ops.einsum("bni,knid->bknd", capsules, kernel))
    together = ops.sum(predictions, axis=2, keepdims=True)
    agreement = ops.sum(predictions * together, axis=-1) / math.sqrt(predictions.shape[-1])
    # Keras warns of a softmax over one class, which is 1.
    one = predictions.shape[1] == 1
    couplings = ops.ones_like(agreement) if one else ops.softmax(agreement, axis=1)
    couplings = couplings + ops.cast(prior, agreement.dtype)
    return exponential_squash(ops.sum(ops.expand_dims(couplings, -1) * predictions, axis=2))
