"""The command line, `caps-hvd`."""

from caps_hvd.cli.main import cli as cli
from caps_hvd.cli.main import main as main
