"""`python -m caps_hvd.train`: the entry of a training run, the same as `caps-hvd train`."""

import sys

from caps_hvd.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
