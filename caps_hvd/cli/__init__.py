"""The command line, `caps-hvd`."""

from caps_hvd.cli import missing

try:
    from caps_hvd.cli.main import cli as cli
    from caps_hvd.cli.main import main as main
except Exception as error:  # an old Python stumbles in other ways, too
    if not missing.explain(error):
        raise
    _error = error

    def main(arguments=None):
        """Ends with 2, and says that the environment is missing."""
        missing.end(_error)
