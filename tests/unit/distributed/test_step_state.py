"""What a step changes is put back, and what cannot be put back is found."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("steps are measured on TensorFlow only", allow_module_level=True)

import tensorflow as tf

from caps_hvd.distributed.step_state import StepState, lasting_operation


def concrete(function):
    return tf.function(function, autograph=False).get_concrete_function()


def test_every_variable_is_put_back_whoever_owns_it():
    variables = [tf.Variable(1.0), tf.Variable(2, dtype=tf.int64), tf.Variable([True])]
    half = tf.Variable([1.0, 2.0], dtype=tf.bfloat16)
    generator, count = tf.random.Generator.from_seed(1), tf.Variable(5.0)

    @tf.function
    def inner():
        if variables[1] > 0:
            half.assign(half * 2)

    def step():
        variables[0].assign_add(tf.reduce_sum(generator.normal([2])))
        variables[1].assign_add(1)
        variables[2].assign([False])
        count.assign_add(1.0)
        inner()

    traced = concrete(step)
    assert lasting_operation([traced]) is None
    state = StepState([traced], without=[count])
    touched = [*variables, half, generator.state]
    before = [variable.numpy() for variable in touched]
    traced()
    assert half.numpy().astype(float).tolist() == [2.0, 4.0]
    state.restore()
    for variable, value in zip(touched, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert count.numpy() == 6.0


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda: tf.py_function(lambda: 1.0, [], tf.float32), "EagerPyFunc"),
        (lambda: tf.numpy_function(lambda: np.float32(1), [], tf.float32), "PyFunc"),
        (lambda: tf.random.uniform([], seed=3), "RandomUniform"),
        (lambda: tf.random.uniform([]), None),
        (lambda: tf.random.stateless_uniform([], (1, 2)), None),
        (lambda: tf.while_loop(lambda i: i < 2, lambda i: (i + 1,), (0,)), None),
        (tf.function(lambda: tf.py_function(lambda: 1.0, [], tf.float32)), "EagerPyFunc"),
    ],
)
def test_state_that_is_no_variable(function, operation):
    tf.random.set_seed(None)  # a seed of the whole program would give one to each operation
    assert lasting_operation([concrete(function)]) == operation


def test_a_table_may_be_read_and_not_written():
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    key, value = tf.constant(["a"]), tf.constant([1], tf.int64)
    assert lasting_operation([concrete(lambda: table.lookup(key))]) is None

    def write():
        table.insert(key, value)

    assert lasting_operation([concrete(write)]) == "LookupTableInsertV2"
