"""What a network says of images, a line for each as soon as it is known: text, CSV or JSON."""

import csv
import dataclasses
import io
import json
from collections.abc import Sequence

from caps_hvd.io.one_line import one_line

FORMATS = ("text", "csv", "jsonl")
_DIGITS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a network says of an image.

    Args:
        image: what the image is called.
        true_class: of the image, where it is known.
        class_name, score: of the class with the highest score.
        runner_up, runner_up_score: of the one with the second highest; None where there is none.
        distance: of the reconstruction from the image; None for a network without a decoder.
    """

    image: str
    true_class: str | None = None
    class_name: str
    score: float
    runner_up: str | None
    runner_up_score: float | None
    distance: float | None


class PredictionLines:
    """Lines of a table of predictions, of whose rows only the one at hand is known.

    Args:
        form: "text", "csv" or "jsonl".
        class_names: all that there are, which make the width of a column.
        distance: whether there is a column of distances.
        true_class: whether there is a column of true classes. Default False.
    """

    def __init__(
        self, form: str, class_names: Sequence[str], distance: bool, true_class: bool = False
    ):
        self.form, self.distance, self.true_class = form, distance, true_class
        names = [len(one_line(name)) for name in class_names]
        heads = [len("true class")] if true_class else [len("runner-up")]
        self._width = max([*heads, *names])

    def header(self) -> str:
        """The line above all others; empty for JSON lines."""
        if self.form == "jsonl":
            return ""
        if self.form == "csv":
            return _csv(name for name, _ in self._columns())
        true, distance = ["true class"] * self.true_class, ["distance"] * self.distance
        return self._text(*true, "class", "score", "runner-up", "score", *distance, "image")

    def line(self, prediction: Prediction) -> str:
        """The line of an image; it ends with a line break, and has no other."""
        values = {name: getattr(prediction, field) for name, field in self._columns()}
        values = {
            name: round(float(value), _DIGITS) if isinstance(value, float) else value
            for name, value in values.items()
        }
        if self.form == "jsonl":
            return json.dumps(values) + "\n"
        if self.form == "csv":
            values = [one_line(each) if isinstance(each, str) else each for each in values.values()]
            return _csv(values)
        image, *others = values.values()
        return self._text(*others, image)

    def _columns(self):
        fields = [field.name for field in dataclasses.fields(Prediction)]
        names = ["class" if name == "class_name" else name for name in fields]
        left_out = {"true_class": not self.true_class, "distance": not self.distance}
        columns = zip(names, fields, strict=True)
        return [column for column in columns if not left_out.get(column[0])]

    def _text(self, *cells) -> str:
        """The image comes last: how long names are is not known before all have been seen."""
        *cells, image = ["" if cell is None else cell for cell in cells]
        cells = [f"{each:.{_DIGITS}f}" if isinstance(each, float) else each for each in cells]
        name, score, distance = f"<{self._width}", ">6", f">{len('distance')}"
        layout = [*[name] * self.true_class, name, score, name, score, distance]
        columns = [f"{one_line(cell):{form}}" for cell, form in zip(cells, layout, strict=False)]
        return "  ".join([*columns, one_line(image)]) + "\n"


def _csv(cells) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
