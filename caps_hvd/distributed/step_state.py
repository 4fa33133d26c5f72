"""The state that a traced training step changes: kept and put back, so that steps can be measured.

A traced step names every variable that it touches, whoever owns it: weights and metrics of the
model, optimizers beside the model's own, variables of a module or of a closure, seeds, moving
averages. State that is no variable (of a Python function, of a table, of a random operation with a
seed of its own) cannot be put back; then the step must not be measured.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

# Operations that have side effects, or take resources, and leave nothing behind but in variables.
_ON_VARIABLES = (
    "ReadVariableOp",
    "Assign",
    "Resource",
    "VariableShape",
    "VarIsInitializedOp",
    "Rng",
    "Stateful",  # random numbers from a variable, and calls of functions, which are looked into
    "PartitionedCall",
    "If",
    "While",
    "Case",
)
_WITHOUT_STATE = (
    "Horovod",
    "LookupTableFind",
    "LookupTableSize",
    "Assert",
    "Print",
    "Timestamp",
    "NoOp",
    "Empty",
    "CudnnRNN",
    "Placeholder",
)


class StepState:
    """A copy, on the host, of every variable that traced steps touch.

    Args:
        steps: Concrete functions of TensorFlow.
        without: Variables that are left alone.
    """

    def __init__(self, steps: Iterable[Any], without: Sequence[Any] = ()):
        import tensorflow as tf

        left_alone = {id(variable.handle) for variable in without}
        handles = {
            id(handle): handle
            for step in steps
            for handle in step.captured_inputs
            if id(handle) not in left_alone and _variable_dtype(handle) is not None
        }
        self._values = []
        for handle in handles.values():
            value = tf.raw_ops.ReadVariableOp(resource=handle, dtype=_variable_dtype(handle))
            self._values.append((handle, np.array(value.numpy())))

    def restore(self) -> None:
        """Puts it back."""
        import tensorflow as tf

        for handle, value in self._values:
            dtype = _variable_dtype(handle)
            tf.raw_ops.AssignVariableOp(resource=handle, value=tf.constant(value, dtype))


def lasting_operation(steps: Iterable[Any]) -> str | None:
    """Returns an operation of traced steps whose state is no variable, None where there is none.

    Args:
        steps: Concrete functions of TensorFlow.

    Example:
        >>> lasting_operation([step.get_concrete_function(...)])  # with a tf.py_function inside
        'EagerPyFunc'
    """
    for step in steps:
        graph = step.graph.as_graph_def()
        bodies = [graph.node, *(function.node_def for function in graph.library.function)]
        for node in (node for body in bodies for node in body):
            if _lasts(node):
                return node.op
    return None


def _lasts(node) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    if definition is None or node.op.startswith((*_ON_VARIABLES, *_WITHOUT_STATE)):
        return False  # a call of a function, whose body is looked at
    if {"seed", "seed2"} <= node.attr.keys() and not (node.attr["seed"].i or node.attr["seed2"].i):
        return False  # its numbers are others in each run, measured or not
    return definition.is_stateful or any(
        argument.type == _resource() for argument in definition.input_arg
    )


def _resource():
    import tensorflow as tf

    return tf.resource.as_datatype_enum


def _variable_dtype(tensor):
    """The type of the variable that a captured tensor is a handle of, None for anything else."""
    import tensorflow as tf

    if tensor.dtype != tf.resource:
        return None
    data = getattr(tensor, "_handle_data", None)
    if data is None or not data.is_set or len(data.shape_and_type) != 1:
        return None
    return tf.as_dtype(data.shape_and_type[0].dtype)
