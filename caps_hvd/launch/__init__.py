"""The start of many ranks: hosts, launchers, and batch jobs.

Nothing here imports TensorFlow, Keras, Horovod or MPI, so that it answers at once, also on a login
node that has none of them.
"""
