"""The set-up program: a virtual environment with TensorFlow, MPI and a Horovod built for both.

Only the standard library is imported here, since this runs before anything is installed.
"""
