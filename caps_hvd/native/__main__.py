"""Builds the operations in C++."""

import sys

from caps_hvd.errors import SetupError
from caps_hvd.system.backend import start_keras


def main():
    start_keras()
    from caps_hvd.native.library import build

    try:
        build()
    except SetupError as error:
        sys.exit(f"caps_hvd: {error}")


if __name__ == "__main__":
    main()
