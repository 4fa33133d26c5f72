"""Builds the operations in C++."""

import sys

from caps_hvd.errors import SetupError
from caps_hvd.system.backend import import_tensorflow_quietly
from caps_hvd.system.installation import advice


def main():
    try:
        import_tensorflow_quietly()
    except ImportError as error:
        sys.exit(
            f"caps_hvd: the operations in C++ are TensorFlow's, which cannot be loaded ({error}); "
            f"{advice('cpu')}"
        )
    from caps_hvd.native.library import build

    try:
        print(f"caps_hvd: the operations in C++ are built: {build()}")
    except SetupError as error:
        sys.exit(f"caps_hvd: {error}")


if __name__ == "__main__":
    main()
