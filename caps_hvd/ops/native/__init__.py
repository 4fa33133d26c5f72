"""Operations in C++ for TensorFlow on CPUs, used where they have been built.

`python -m caps_hvd.ops.native` builds them, as `make setup` does; without them the same forms in
`keras.ops` are used.
"""

from caps_hvd.ops.native.library import native as native
