"""`python -m caps_hvd.cli` is `caps-hvd`."""

from caps_hvd.cli import main

main()
