"""Names of data sets in a sweep's definition."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.launch.data_sets import check_data_sets
from caps_hvd.launch.definition_file import parse


@pytest.mark.parametrize(
    "text, where",
    [
        ('[train]\ndataset = "mnits"', "lab.toml: line 2: train.dataset"),
        ('[axes]\n\ndataset = ["mnist", "mnits"]', "lab.toml: line 3: axes.dataset"),
        ('[axes.data]\na = { dataset = "mnits" }', "lab.toml: line 2: axes.data.a"),
    ],
)
def test_a_name_that_no_point_finds(text, where):
    with pytest.raises(ConfigError) as caught:
        check_data_sets(parse(text, "lab.toml"))
    assert str(caught.value).startswith(f"{where}: expected one of digits, mnist, ")
    assert str(caught.value).endswith("received 'mnits'; did you mean 'mnist'?")


def test_names_and_paths_that_a_point_may_find(tmp_path):
    (tmp_path / "own.h5").touch()
    check_data_sets(parse("machine_counts = [1]"))
    check_data_sets(parse('[axes]\ndataset = ["cifar10", "/nodes/only.h5"]'))
    check_data_sets(parse(f'[train]\ndata_dir = "{tmp_path}"\n[axes]\ndataset = ["own"]'))
