"""Operations in C++ for TensorFlow on CPUs, used where they have been built.

`python -m caps_hvd.native` builds them, as `make setup` does; without them the same forms in
`keras.ops` are used.
"""
