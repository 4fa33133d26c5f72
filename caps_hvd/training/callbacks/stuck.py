"""A callback that says when a run cannot learn, and ends it where that is asked for."""

import keras

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.errors import StuckError
from caps_hvd.records import learning_state
from caps_hvd.records.learning_state import CLASS_NEVER_PREDICTED, DEAD, SATURATED

# Whole epochs before which no run is judged: at first all networks answer alike.
FIRST_EPOCH = 2


class StuckDetector(keras.callbacks.Callback):
    """A look at each evaluation for signs that training has got stuck; says what, and what to try.

    It looks at what the evaluation has counted, and computes nothing else. A line is printed when
    a state is new. From the second epoch on any sign is told; at the end of a run of one epoch
    only that class capsules are saturated or dead. With `stop`, all ranks end before the next epoch
    once two evaluations in a row have found that no image moves them.

    It comes after the callback that evaluates, and before the journal.

    Args:
        communicator: of all ranks; rank 0 judges for all.
        testing: evaluates epochs, and has the last `Evaluation`, or None, as `last`.
        config: of the run.
        class_names: one for each class.

    Attributes:
        state: of the last epoch, one of `learning_state.STATES`, or None.

    Raises:
        StuckError: on all ranks, with `stop`.
    """

    def __init__(self, communicator: Communicator, testing, config: TrainConfig, class_names):
        super().__init__()
        self.communicator, self.testing = communicator, testing
        self.config, self.class_names = config, class_names
        self.state: str | None = None
        self._certain_before: str | None = None  # the state that was certain an evaluation ago
        self._told: str | None = None
        self._why = ""  # no further epoch is of use

    def on_epoch_begin(self, epoch, logs=None):
        if self._why and self.config.stop_when_stuck:
            raise on_all_ranks(StuckError(self._why, epoch))

    def on_epoch_end(self, epoch, logs=None):
        evaluation, self.state = self.testing.last, None
        if evaluation is None:
            return
        # Ranks that share a batch have the same numbers but for rounding.
        found = learning_state.state_of(evaluation)
        found, certain = self.communicator.broadcast_object(
            (found, learning_state.is_certain(found, evaluation))
        )
        again = certain and self._certain_before == found
        self._certain_before = found if certain else None
        self._why = ""
        if epoch + 1 < FIRST_EPOCH and not (epoch + 1 == self.config.epochs and certain):
            return
        self.state = found
        if found is None:
            self._told = None
            return
        words = learning_state.describe(found, evaluation, self.class_names)
        words = f"epoch {epoch + 1}: {words}; {self._advice(found, evaluation)}"
        if found != self._told:
            self._told = found
            self.communicator.print(words)
        if again:
            self._why = words

    def _advice(self, state, evaluation) -> str:
        return advice(state, self.config, evaluation.uneven(), self.communicator.size)


def advice(state: str, config: TrainConfig, uneven: bool = False, ranks: int = 1) -> str:
    """Returns what to try in a state, in words.

    Args:
        state: one of `learning_state.STATES`.
        config: of the run.
        uneven: whether some classes have several times the images of others.
        ranks: that train.
    """
    tries = []
    if getattr(config, "initialization", None) == "published" and config.model != "lenet5":
        tries.append("--initialization scaled")
    if uneven and state not in (SATURATED, DEAD) and config.class_weights == "none":
        tries.append("--class-weights balanced")
    if state in (DEAD, CLASS_NEVER_PREDICTED):
        tries.append(f"another --seed ({config.seed} here)")
    else:
        tries.append(f"a smaller --learning-rate ({config.learning_rate:g} here)")
        if ranks > 1 and config.scale_learning_rate != "none":
            tries.append("--scale-learning-rate none")
    *most, last = tries
    words = f"{', '.join(most)} or {last}" if most else last
    if state == SATURATED:
        return f"squash passes no gradient on there; start another run with {words}"
    if state == DEAD:
        return f"no gradient comes through them; start another run with {words}"
    if state == CLASS_NEVER_PREDICTED:
        return f"try {words}"
    return f"a slow run looks like this as well; train more --epochs, or try {words}"
