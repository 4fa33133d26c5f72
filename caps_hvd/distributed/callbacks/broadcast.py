"""A callback that gives all ranks the same start."""

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.gradients.optimizer import Distributed
from caps_hvd.errors import DistributedError


class BroadcastState(keras.callbacks.Callback):
    """The weights and the optimizer's state of one rank, given to all when training begins.

    It also checks what would otherwise let ranks train apart in silence, or stop without a reason:
    that the optimizer came from `distribute`, and that the model is not compiled by XLA, which has
    no Horovod. Random seeds are left alone unless asked for: every rank draws its own dropout.

    Args:
        communicator: From `comm.init()`.
        root: The rank whose state is used, such as the one that has loaded a checkpoint.
        seeds: Whether its random seeds are given as well, so that all ranks drop the same. Defaults
            to False.

    Raises:
        DistributedError: at the begin of training, if the model cannot be trained by several
            ranks as it was compiled.
    """

    def __init__(self, communicator: Communicator, root: int = 0, seeds: bool = False):
        super().__init__()
        self.communicator = communicator
        self.root = root
        self.seeds = seeds
        self._pending = False

    def on_train_begin(self, logs=None):
        if self.communicator.size == 1:
            return
        _check_compiled(self.model)
        # A model that builds itself in its first step gets its state after that step.
        self._pending = not (self.model.built and self.model.variables)
        if not self._pending:
            self._broadcast()

    def on_train_batch_begin(self, batch, logs=None):
        if self._pending and batch > 0:
            self._broadcast()

    def on_epoch_end(self, epoch, logs=None):
        if self._pending:
            self._broadcast()

    def _broadcast(self):
        self._pending = False
        model = self.model
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        seeds = _seeds(model) if self.seeds else []
        self.communicator.broadcast_variables(
            [*model.weights, *seeds, *model.optimizer.variables], self.root
        )


def _seeds(model):
    others = {id(variable) for variable in [*model.weights, *model.metrics_variables]}
    return [variable for variable in model.variables if id(variable) not in others]


def _check_compiled(model):
    if not isinstance(model.optimizer, Distributed):
        raise DistributedError(
            "model.optimizer: expected one from caps_hvd.distributed.distribute(), received "
            f"{type(model.optimizer).__name__}; distribute it before model.compile(), and with "
            "mixed_float16 compile with auto_scale_loss=False"
        )
    if model.jit_compile:
        raise DistributedError(
            "jit_compile: expected False, because XLA has no Horovod, received True; "
            "use model.compile(..., jit_compile=False)"
        )
