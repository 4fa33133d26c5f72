"""The lines at the end of a run: the accuracy of each class, of many classes the worst ones."""

import types

import pytest

from caps_hvd.training.run_record import classes_line


def line(accuracies, names):
    result = types.SimpleNamespace(balanced_accuracy=0.75, class_accuracies=accuracies)
    data = types.SimpleNamespace(class_names=names)
    return classes_line(types.SimpleNamespace(result=result, data=data))


def test_few_classes_are_all_told():
    assert line([0.5, None, 1.0], ["cat", "none", "dog"]) == (
        "balanced accuracy 75.00%; classes: cat 50.0%, dog 100.0%"
    )


@pytest.mark.parametrize("classes", [11, 200])
def test_of_many_classes_the_worst_ones(classes):
    accuracies = [1 - each / classes for each in range(classes)]
    words = line(accuracies, [f"c{each}" for each in range(classes)])
    assert words.count("%") == 6 and f"worst classes: c{classes - 1} " in words
