"""`caps-hvd lanes search` and what follows it: a report, and the best model trained anew."""

import click

from caps_hvd.cli.options import OneOf
from caps_hvd.cli.report_options import report_options
from caps_hvd.lanes import space


@click.command("search")
@click.argument("definition", metavar="DEFINITION")
@click.option("--output", metavar="DIR", help="Folder of the search, searches/<name> by default.")
@click.option(
    "--trials", type=click.IntRange(1), metavar="N",
    help="Candidates of all processes together, in place of the definition's.",
)  # fmt: skip
@click.option(
    "--sampler", type=OneOf(space.METHODS),
    help="What proposes candidates, in place of the definition's; tpe stops bad ones early.",
)  # fmt: skip
@click.option(
    "--reclaim", is_flag=True,
    help="Also take candidates from workers of which nothing is known here.",
)  # fmt: skip
@click.option("--retry-failed", is_flag=True, help="Try candidates again that have failed.")
def search(definition, **options):
    """Look for better lanes, under limits.

    The limits are of memory and operations.

    DEFINITION is a TOML file as docs/lane_search.md describes it, or the folder of a search that
    was begun. The same command again goes on; many at once, also on several machines, share the
    candidates.
    """
    from caps_hvd.search import run

    folder = run.run(definition, **options)
    print(f"{folder}; `caps-hvd lanes search-report {folder}` says what was found")


@click.command("search-report")
@click.argument("searches", nargs=-1, required=True, metavar="SEARCH...")
@click.option(
    "--output", metavar="FOLDER",
    help="Folder to write to.  [default: SEARCH/report; for NAME.json, NAME-report beside it]",
)  # fmt: skip
@report_options
def search_report(searches, output, kind, plots, pictures):
    """Say what searches have found.

    That is the candidates, the best one's lanes, and best and mean by limit.

    SEARCH is the folder of a search, or the .json file that this command writes of one. The best
    lanes are written as a lane list for `caps-hvd train --lane-list`.
    """
    from caps_hvd.records import lane_search as lane_search_data
    from caps_hvd.report import base
    from caps_hvd.report.lanes.search import report

    found = [each for path in searches for each in lane_search_data.load_all(path)]
    made = report(found)
    folder = output or base.default_folder(searches[0])
    click.echo(made.render(kind), nl=False)
    made.write(folder, pictures if plots else ())
    click.echo(f"Tables{', pictures' if plots else ''} and lanes are in {folder}", err=True)


@click.command("confirm")
@click.argument("search", metavar="SEARCH")
@click.option("--repetitions", type=click.IntRange(1), default=2, show_default=True,
              help="New seeds for each model.")  # fmt: skip
def confirm(search, repetitions):
    """Train the best model of a search anew.

    SEARCH is its folder; the model with 4 lanes is trained beside it.

    Both with the same new seeds; `caps-hvd lanes search-report` then shows them side by side.
    """
    from caps_hvd.search import run

    run.confirm(search, repetitions=repetitions)
