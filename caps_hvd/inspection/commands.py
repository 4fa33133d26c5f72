"""The commands `evaluate`, `reconstruct`, `perturb` and `export`, once their options are read."""

import json
import re
from pathlib import Path

import numpy as np

from caps_hvd.data.stratified import classes_in_turn
from caps_hvd.distributed import comm
from caps_hvd.errors import ConfigError
from caps_hvd.inspection.export_formats import FORMATS, INPUT_RANGES, check_format
from caps_hvd.inspection.run_data import part_of
from caps_hvd.io.options import nearest
from caps_hvd.report import classification
from caps_hvd.system.backend import start_keras
from caps_hvd.training.run_directory import RunDirectory, read_config


def evaluate(path, overrides: dict, as_json: bool, part: str = "test") -> None:
    """Prints how well a run's model classifies a part of a data set; the ranks share the work.

    Args:
        path: run directory.
        overrides: another data set, or other values of the run's options.
        as_json: print JSON.
        part: test or validation. Default test.
    """
    read_config(RunDirectory.at(path))
    communicator = comm.init()
    start_keras()
    from caps_hvd.inspection import load
    from caps_hvd.training import evaluate as evaluation

    overrides = dict(overrides)
    batch_size = overrides.pop("batch_size", None)
    with communicator.raise_on_all_ranks():
        run = load.load(path, overrides)
        split = part_of(run.dataset, part)
    result = evaluation.evaluate(
        run.model,
        split,
        batch_size or run.config.batch_size,
        communicator,
        run.config.reconstruction_weight,
    )
    if communicator.rank != 0:
        return
    names = run.dataset.class_names
    if as_json:
        about = {"run": str(path), "dataset": run.dataset.name, "part": part}
        print(json.dumps(about | result.to_dict(names)))
    else:
        print(f"run          {path}\ndata set     {run.dataset.name}, {part} images")
        if run.dataset.reading:
            print(f"read as      {run.dataset.reading}")
        print(classification.to_text(result, names))


def reconstruct(path, overrides: dict, count: int, output: str | None) -> None:
    """Draws test images, of each class in turn, beside their reconstructions."""
    read_config(RunDirectory.at(path))
    start_keras()
    from caps_hvd.inspection import capsules, load
    from caps_hvd.report.images import reconstructions

    run = load.load(path, overrides)
    test = run.dataset.test
    images, labels = test.take(classes_in_turn(test.labels, count))
    images = images.astype(np.float32) / 255
    drawn, predictions = capsules.reconstruct(run.model, images)
    output = Path(output or run.directory.path / "reconstructions.png")
    reconstructions(output, images, drawn, labels, predictions, run.dataset.class_names)
    print(output)


def perturb(path, overrides, digit, class_name, sample: int, output: str | None) -> None:
    """Draws one test image with each dimension of its class capsule swept."""
    read_config(RunDirectory.at(path))
    start_keras()
    from caps_hvd.inspection import capsules, load
    from caps_hvd.report.images import perturbations

    run = load.load(path, overrides)
    names = run.dataset.class_names
    label = _class_index(digit, class_name, names)
    image = _image_of_class(run.dataset.test, label, sample, names)
    sweeps = capsules.perturb(run.model, image, label)
    tag = re.sub(r"[^A-Za-z0-9]+", "-", names[label]).strip("-")
    output = Path(output or run.directory.path / f"perturb-{tag}.png")
    title = f"Class {names[label]}: one capsule dimension changed at a time"
    perturbations(output, sweeps, capsules.OFFSETS, run.model.dimension_names, title)
    print(output)


def export(path, kind: str, output: str | None, input_range: str, outputs: tuple) -> None:
    """Writes a run's network into a file for other programs."""
    directory = RunDirectory.at(path)
    read_config(directory)
    check_format(kind)
    start_keras()
    from caps_hvd.inspection import export as exporting
    from caps_hvd.inspection.network import load_network

    network = load_network(path)
    facts = exporting.ExportedFacts(
        image_shape=network.image_shape,
        input_range=INPUT_RANGES[input_range],
        class_names=network.class_names,
        outputs=outputs,
        run=str(path),
    )
    model = network.model if kind == "keras" else exporting.in_float32(network)
    output = Path(output or directory.path / FORMATS[kind])
    exporting.export(model, facts, kind, output)
    print(output)


def _class_index(digit, class_name, names) -> int:
    if (digit is None) == (class_name is None):
        raise ConfigError("perturb: expected one of --digit and --class-name")
    if digit is not None:
        if not 0 <= digit < len(names):
            raise ConfigError(f"--digit: expected 0 to {len(names) - 1}, received {digit}")
        return digit
    if class_name not in names:
        raise ConfigError(
            f"--class-name: expected one of {', '.join(names)}, "
            f"received {class_name!r}{nearest(class_name, names)}"
        )
    return names.index(class_name)


def _image_of_class(split, label, sample, names) -> np.ndarray:
    counts = np.zeros(len(names), int)
    for images, labels in split.blocks():
        rows = np.flatnonzero(labels == label)
        if sample < counts[label] + len(rows):
            return images[rows[sample - counts[label]]].astype(np.float32) / 255
        counts += np.bincount(labels, minlength=len(names))
    if counts[label] == 0:
        there = ", ".join(name for name, count in zip(names, counts, strict=True) if count)
        raise ConfigError(
            f"perturb: the class {names[label]} has no image among the {counts.sum()} test images; "
            f"choose one that has, {there}, or more images with --test-samples or --dataset"
        )
    raise ConfigError(
        f"--sample: expected 0 to {counts[label] - 1}, the {counts[label]} test images of the "
        f"class {names[label]}, received {sample}"
    )
