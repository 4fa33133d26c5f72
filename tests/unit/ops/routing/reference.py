"""Routing by agreement as the paper writes it down: float64, one loop per index, no tricks."""

import numpy as np


def squash(s):
    length = np.linalg.norm(s)
    return np.zeros_like(s) if length == 0 else length**2 / (1 + length**2) * (s / length)


def routing(x, weights, iterations, couplings=None):
    """Procedure 1 of Sabour et al. (2017) on x (b, i, d) and weights (d, j, o, i).

    Returns the outputs (b, j, o) and the couplings of the last iteration (b, i, j). With
    `couplings` given, these are used in the last iteration, whatever the agreements say.
    """
    x, weights = np.asarray(x, "float64"), np.asarray(weights, "float64")
    images, inputs, _ = x.shape
    _, classes, out_dim, _ = weights.shape
    outputs, kept = np.zeros((images, classes, out_dim)), np.zeros((images, inputs, classes))
    for image in range(images):
        predictions = np.zeros((inputs, classes, out_dim))
        for i in range(inputs):
            for j in range(classes):
                matrix = weights[:, j, :, i]  # W_ij, (in_dim, out_dim)
                predictions[i, j] = x[image, i] @ matrix
        logits = np.zeros((inputs, classes))
        for iteration in range(iterations):
            last = iteration + 1 == iterations
            c = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            if last and couplings is not None:
                c = couplings[image]
            v = np.zeros((classes, out_dim))
            for j in range(classes):
                v[j] = squash(sum(c[i, j] * predictions[i, j] for i in range(inputs)))
            if not last:
                for i in range(inputs):
                    for j in range(classes):
                        logits[i, j] += predictions[i, j] @ v[j]
        outputs[image], kept[image] = v, c
    return outputs, kept


def directional_derivative(function, point, direction, step=1e-5):
    """Central difference in float64."""
    point, direction = np.asarray(point, "float64"), np.asarray(direction, "float64")
    ahead, behind = function(point + step * direction), function(point - step * direction)
    return (ahead - behind) / (2 * step)
