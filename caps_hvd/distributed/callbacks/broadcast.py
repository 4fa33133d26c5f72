"""A callback that gives all ranks the same start, and sees that they stay together."""

import itertools

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.distributed.gradients.optimizer import Distributed
from caps_hvd.distributed.training_state import TrainingState, training_state
from caps_hvd.errors import DistributedError

_FIXES = {
    "epochs": "give all ranks the same",
    "batches": "give all ranks as many in an epoch, or those that have more would wait",
    "learning_rate": "give all ranks the callbacks that change it, after AverageMetrics",
}


class BroadcastState(keras.callbacks.Callback):
    """The training state of one rank, given to all when training begins.

    It is the weights, the state of the model's optimizer and of all others, and the variables that
    a step uses beside them: what can be reached from the model's attributes, and through the names
    that the methods of its class use. Random seeds are left alone unless asked for: every rank
    draws its own dropout. Gradients that wait for their update are left alone, too, as they are
    each rank's own (`rank_state` keeps them); where some ranks have none, as after loading a model
    that one rank has saved, all ranks drop theirs, which is said.

    It also checks what would otherwise let ranks train apart in silence, or stop without a reason:
    that optimizers came from `distribute`, that the model is not compiled by XLA, which has no
    Horovod, that all ranks have the same model, and as many epochs and batches. At the begin of
    every epoch, and at the end of training, the ranks must meet.

    Args:
        communicator: From `comm.init()`.
        root: The rank whose state is used, such as the one that has loaded a checkpoint.
        seeds: Whether its random seeds are given as well, so that all ranks drop the same. Defaults
            to False.

    Raises:
        DistributedError: on all ranks, if they cannot train the model as it was compiled, or differ
            in what they were told.
    """

    def __init__(self, communicator: Communicator, root: int = 0, seeds: bool = False):
        super().__init__()
        self.communicator = communicator
        self.root = root
        self.seeds = seeds
        self._pending = False
        self._optimizers = []

    def on_train_begin(self, logs=None):
        if self.communicator.size == 1:
            return
        self._optimizers = _checked_optimizers(self.model)
        params = self.params or {}  # a loop of the user's own has none
        told = {"epochs": params.get("epochs"), "batches": params.get("steps")}
        self._agree("the begin of training (BroadcastState)", told)
        # A model that builds itself in its first step gets its state after that step.
        self._pending = not (self.model.built and self.model.variables)
        if not self._pending:
            self._broadcast()

    def on_train_batch_begin(self, batch, logs=None):
        if self._pending and batch > 0:
            self._broadcast()

    def on_epoch_begin(self, epoch, logs=None):
        if self.communicator.size > 1:
            rates = list(map(_learning_rate, self._optimizers))
            self._agree(
                f"the begin of epoch {epoch + 1} (BroadcastState)", {"learning_rate": rates}
            )

    def on_epoch_end(self, epoch, logs=None):
        if self.communicator.size > 1:
            self.communicator.meet(f"the end of epoch {epoch + 1} (BroadcastState)")
        if self._pending:
            self._broadcast()

    def on_train_end(self, logs=None):
        if self.communicator.size > 1:
            self.communicator.meet("the end of training (BroadcastState)")

    def _broadcast(self):
        self._pending = False
        model = self.model
        if isinstance(model.optimizer, Distributed) and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        state = training_state(model)
        variables = [*state.shared, *(state.seeds if self.seeds else [])]
        parts = [(type(each).__name__, _accumulate(each)) for each in state.optimizers]
        parts += [(v.name, tuple(v.shape), _dtype(v)) for v in variables]
        _check_same_model(self.communicator.meet("the first broadcast (BroadcastState)", parts))
        have = (_any(state.waiting), _any(state.moments), [int(steps) for steps in state.steps])
        every = self.communicator.meet("the state of each rank (BroadcastState)", have)
        self.communicator.broadcast_variables(variables, self.root)
        self._give_own(state, every)

    def _give_own(self, state: TrainingState, every: list):
        """Lets ranks that have not taken the root's steps go on with those that have.

        A rank that has taken them may have nothing that waits: its batches may have been empty.
        """
        steps = every[self.root][2]
        lack = [rank for rank, (_, _, own_steps) in enumerate(every) if own_steps != steps]
        if any(not every[rank][0] for rank in lack) and any(waiting for waiting, _, _ in every):
            for variable in state.waiting:
                variable.assign(keras.ops.zeros_like(variable))
            self.communicator.print(
                "BroadcastState: gradients that waited for their update are dropped, as only some "
                "of the ranks have theirs; load_rank_state() puts back what rank_state() gave"
            )
        lack = [rank for rank in lack if not every[rank][1]]
        if lack and state.moments:
            own = [variable.numpy() for variable in state.moments]
            roots = self.communicator.broadcast_object(own, self.root)
            if self.communicator.rank in lack:
                for variable, value in zip(state.moments, roots, strict=True):
                    variable.assign(value)

    def _agree(self, place, told: dict):
        """Refuses ranks that were told different things."""
        every = self.communicator.meet(place, told)
        for rank, other in enumerate(every):
            for name, value in other.items():
                if value != every[0][name]:
                    raise on_all_ranks(
                        DistributedError(
                            f"{name}: expected on rank {rank} what rank 0 has, {every[0][name]}, "
                            f"received {value}; {_FIXES[name]}"
                        )
                    )


def _check_same_model(every: list[list[tuple]]) -> None:
    """Refuses ranks with different models or optimizers; names count up per process."""
    for rank, parts in enumerate(every):
        for first, other in itertools.zip_longest(every[0], parts, fillvalue=("nothing more",)):
            if first[1:] != other[1:]:
                first, other = (" ".join(map(str, part)) for part in (first, other))
                raise on_all_ranks(
                    DistributedError(
                        f"model: expected on rank {rank} what rank 0 has, {first}, received "
                        f"{other}; build and compile the same model on all ranks, with the same "
                        "optimizers"
                    )
                )


def _any(variables) -> bool:
    return any(bool(keras.ops.any(variable != 0)) for variable in variables)


def _accumulate(optimizer) -> int:
    return getattr(optimizer, "inner_optimizer", optimizer).gradient_accumulation_steps or 1


def _dtype(variable) -> str:
    return keras.backend.standardize_dtype(variable.dtype)


def _learning_rate(optimizer) -> float | None:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    rate = inner._learning_rate
    return float(rate) if isinstance(rate, keras.Variable) else None  # else it follows the steps


def _checked_optimizers(model) -> list:
    """The optimizers of a model that several ranks can train as it was compiled."""
    optimizers = training_state(model).optimizers
    together = [each for each in optimizers if isinstance(each, Distributed)]
    own_step = type(model).train_step is not keras.Model.train_step
    for optimizer in optimizers:
        if isinstance(optimizer, Distributed):
            continue
        if together and own_step and optimizer is model.optimizer and not optimizer.built:
            continue  # what compile() puts there where a step has optimizers of its own
        raise DistributedError(
            f"{_attribute(model, optimizer)}: expected one from "
            f"caps_hvd.distributed.distribute(), received {type(optimizer).__name__}; distribute "
            "it before model.compile(), and with mixed_float16 compile with auto_scale_loss=False"
        )
    if model.jit_compile:
        raise DistributedError(
            "jit_compile: expected False, because XLA has no Horovod, received True; "
            "use model.compile(..., jit_compile=False)"
        )
    return together


def _attribute(model, optimizer) -> str:
    """What the user calls an optimizer."""
    names = [name for name, value in vars(model).items() if value is optimizer]
    return f"model.{names[0]}" if names else f"optimizer {optimizer.name}"
