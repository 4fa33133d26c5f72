"""Builds the operations in C++."""

import sys

from caps_hvd.errors import SetupError


def main():
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.ops.native.library import build

    try:
        build()
    except SetupError as error:
        sys.exit(f"caps_hvd: {error}")


if __name__ == "__main__":
    main()
