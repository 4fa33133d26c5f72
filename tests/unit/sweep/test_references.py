"""Names of data sets in a sweep's definition, and files of images."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.launch.jobs.job import check_image
from caps_hvd.sweep.definition_file import parse
from caps_hvd.sweep.points import plan
from caps_hvd.sweep.references import check_data_sets


@pytest.fixture(autouse=True)
def _no_data_folder(monkeypatch):
    monkeypatch.delenv("CAPS_HVD_DATA_DIR", raising=False)


def check(text):
    definition = parse(text, "lab.toml")
    check_data_sets(definition, plan(definition))


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
        check(text)
    assert str(caught.value).startswith(f"{where}: expected one of digits, mnist_mini, ")
    assert str(caught.value).endswith("received 'mnits'; did you mean 'mnist'?")


def test_names_and_paths_that_a_point_may_find(tmp_path):
    (tmp_path / "own.h5").touch()
    check("machine_counts = [1]")
    check('[axes]\ndataset = ["cifar10", "/nodes/only.h5"]')
    check(f'[train]\ndata_dir = "{tmp_path}"\n[axes]\ndataset = ["own"]')
    check(f'[train]\ndataset = "own"\n[axes.at]\na = {{ data_dir = "{tmp_path}" }}')
    check(f'[axes]\ndataset = ["own", "mnist"]\n[axes.at]\na = {{ data_dir = "{tmp_path}" }}')
    check('[train]\ndataset = "own"\ndata_dir = "/nodes/only"')


def test_a_folder_without_the_data_set_is_named(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "own.h5").touch()
    text = f'[train]\ndataset = "own"\n[axes]\ndata_dir = ["{here}", "{there}"]'
    with pytest.raises(ConfigError, match=f"^lab.toml: line 2: train.dataset in {there}: .*'own'"):
        check(text)


def test_an_image_that_is_not_here(tmp_path):
    here = tmp_path / "an image.sif"
    here.touch()
    for image in (str(here), "docker://no/such:1", "site/caps_hvd:cpu", None):
        check_image(image, "--container")
    for image in ("no.sif", "/images/none", "./none"):
        with pytest.raises(ConfigError, match=f"^lab.toml: .*received '{image}', which is not"):
            check_image(image, "lab.toml: line 2: slurm.container")
