"""Seconds of a training step by the number of classes, and the share of them that is routing.

    python -m benchmarks.many_classes

Preset "slim" on images of 28 x 56 pixels, 64 of them in a step, in the forms of `capsnet_step`.
"""

from benchmarks import capsnet_step
from benchmarks.harness import arguments, write_record

OPTIONS = capsnet_step.OPTIONS | {
    "batch": (64, "images per step"),
    "rounds": (7, "timed steps of each"),
    "preset": ("slim", "size of the network"),
    "classes": ([10, 30, 100, 200], "how many there are"),
    "width": (56, "of the images in pixels"),
    "forms": (["no routing", "new", "library"], "what takes turns"),
    "record": ("many_classes", "name of the record"),
}


def main():
    options = arguments(__doc__, **OPTIONS)
    figures = vars(options) | {}
    for classes in options.classes:
        found = capsnet_step.measure(options, classes=classes)
        found["share that is routing"] = 1 - 1 / found["new / no routing"]
        figures |= {f"{classes} classes, {name}": value for name, value in found.items()}
    write_record(options.record, figures, "many_classes")


if __name__ == "__main__":
    main()
