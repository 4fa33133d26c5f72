"""Operations in C++ for TensorFlow on CPUs, used where they have been built.

`python -m caps_hvd.native` builds them, and so does `make setup`; without them the same forms in
`keras.ops` are used.
"""
