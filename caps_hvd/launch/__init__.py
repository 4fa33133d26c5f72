"""Starting many ranks: host files, launchers, Slurm jobs and sweeps.

Nothing here imports TensorFlow, Keras, Horovod or MPI, so that it answers at once, also on a login
node that has none of them.
"""
