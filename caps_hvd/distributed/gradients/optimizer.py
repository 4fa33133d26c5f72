"""Distributed optimizers: Horovod for those of Keras 3.

Horovod's own wrapper was made for Keras 2 and leaves Keras 3 gradients unreduced. Here the
optimizer's class is exchanged for a subclass that combines the gradients of all ranks on their way
into `apply`, in front of everything that Keras does with them: clipping, weight decay, the update,
the moving average.

    optimizer = distribute(keras.optimizers.Adam(1e-3), comm.init())
    model.compile(optimizer, loss, jit_compile=False)
"""

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.gradients.reduction import GradientReduction
from caps_hvd.distributed.traffic import is_no_sync
from caps_hvd.errors import ConfigError

LossScaleOptimizer = keras.optimizers.LossScaleOptimizer


def distribute(
    optimizer: keras.optimizers.Optimizer,
    communicator: Communicator,
    *,
    op: str = "average",
    compression: str = "auto",
    accumulate_steps: int = 1,
    reduce_on: str = "auto",
    group_mib: float = 4.0,
    agree: Communicator | None = None,
    reduction: GradientReduction | None = None,
) -> keras.optimizers.Optimizer:
    """Makes an optimizer combine the gradients of all ranks before it applies them.

    With `op="average"` and a loss that is a mean over the batch, `size` ranks take the step that
    one process takes on the `size` batches together. On one rank nothing is added to the step, so
    the same program runs on a laptop, with any Keras backend and without Horovod.

    Args:
        optimizer: Any Keras 3 optimizer, built or not. It is changed in place, so that nothing
            about it is lost (state, schedules, variables excluded from weight decay). For
            float16 pass a `keras.optimizers.LossScaleOptimizer`, or let this function wrap: a
            plain optimizer is wrapped if the global dtype policy is "mixed_float16".
        communicator: From `comm.init()`.
        op: "average", "sum", or "adasum", which combines weight changes instead of gradients
            (Maleki et al. 2020, arXiv:2006.02924; needs MPI and 2**n ranks; every rank keeps its
            own moments).
        compression: "none"; "fp16" sends float16; "auto" measures both at the first step and
            takes fp16 where it saves at least a quarter of the time and 30 ms per reduction, on
            this backend and network. For runs that must repeat to the bit, name one.
        accumulate_steps: Steps whose gradients are averaged on each rank before one reduction
            and update; the optimizer's `gradient_accumulation_steps` is set to it.
        reduce_on: "cpu" reduces on the CPU although Horovod has NCCL; "auto" is Horovod's choice.
        group_mib: Gradients are reduced in buckets of about this size (MiB), in backward order, so
            that communication runs beside the rest of the backward pass.
        agree: All ranks of the model, where those that share gradients have a part of it only:
            they choose one compression, and skip a step together where a scaled loss has
            overflowed. Default: `communicator`.
        reduction: Takes the place of the one that `op`, `compression`, `reduce_on` and `group_mib`
            describe, for measurements. Default: None.

    Returns:
        The optimizer, with two things more: `describe()`, a dict for the run's record;
        `gradient_bytes_per_step`, what one rank hands to the reduction per step (0 before the
        first). Saved models record it as the plain optimizer.

    Raises:
        ConfigError: an argument out of range, or a combination that cannot work.
        DistributedError: Adasum where it cannot work.

    Example:
        >>> ranks = comm.init()
        >>> optimizer = distribute(keras.optimizers.SGD(0.1), ranks, accumulate_steps=4)
        >>> model.compile(optimizer, "mse", jit_compile=False)
    """
    if isinstance(optimizer, Distributed):
        raise ConfigError(f"optimizer: expected one not yet distributed, received {optimizer!r}")
    if not isinstance(accumulate_steps, int) or accumulate_steps < 1:
        raise ConfigError(
            f"accumulate_steps: expected an integer >= 1, received {accumulate_steps!r}"
        )
    if reduction is None:
        reduction = GradientReduction(communicator, op, compression, reduce_on, group_mib, agree)
    if keras.config.dtype_policy().name == "mixed_float16" and not isinstance(
        optimizer, LossScaleOptimizer
    ):
        optimizer = LossScaleOptimizer(optimizer)
    scaled = isinstance(optimizer, LossScaleOptimizer)
    inner = optimizer.inner_optimizer if scaled else optimizer
    _accumulate(inner, accumulate_steps)
    if op == "adasum" and (inner.gradient_accumulation_steps or inner.use_ema):
        raise ConfigError(
            "op: adasum cannot be combined with gradient accumulation or a moving average of the "
            "weights (use_ema); use average"
        )
    if scaled:
        # Scaled gradients are reduced before Keras asks whether they are finite, so that all
        # ranks see the same numbers. Where reduction is not part of every step, or is not of
        # gradients, it happens inside and the question is put to all ranks.
        inside = op == "adasum" or bool(inner.gradient_accumulation_steps)
        if inside:
            _become(inner, Distributed, reduction)
        agree = agree or communicator
        if not inside and agree.size == communicator.size:
            agree = None  # all of them see the same gradients
        return _become(optimizer, DistributedLossScale, reduction, inside=inside, agree=agree)
    return _become(optimizer, Distributed, reduction)


class Distributed:
    """Mixed into an optimizer's class: `apply` combines the gradients of all ranks first."""

    reduction: GradientReduction

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The plain optimizer: a configuration does not hold ranks. Call `distribute` again."""
        return cls.plain_class.from_config(config, custom_objects)

    def apply(self, grads, trainable_variables=None):
        if self.reduction.op == "adasum":
            self._apply_adasum(grads, trainable_variables)
        elif self.gradient_accumulation_steps:
            super().apply(grads, trainable_variables)  # reduces in _clip_gradients
        else:
            super().apply(self.reduction(grads), trainable_variables)

    def _clip_gradients(self, grads):
        # Keras comes here in an update, with the gradients of the steps since the last one, and
        # not in the steps between. It counts steps on all ranks alike.
        if self.gradient_accumulation_steps and self.reduction.op != "adasum":
            grads = self.reduction(grads)
        return super()._clip_gradients(grads)

    def _apply_adasum(self, grads, trainable_variables):
        """Take this rank's own step, then the Adasum of all ranks' steps in its place."""
        import tensorflow as tf

        if is_no_sync() or self.reduction.communicator.size == 1:
            super().apply(grads, trainable_variables)
            return
        variables = list(trainable_variables or self._trainable_variables)
        starts = [tf.identity(tf.convert_to_tensor(variable)) for variable in variables]
        super().apply(grads, trainable_variables)
        steps = [variable - start for variable, start in zip(variables, starts, strict=True)]
        for variable, start, step in zip(variables, starts, self.reduction(steps), strict=True):
            variable.assign(start + step)

    @property
    def waiting_variables(self) -> list:
        """What this rank has yet to hand to a reduction: gradients that are being accumulated."""
        inner = getattr(self, "inner_optimizer", self)
        accumulating = inner.built and inner.gradient_accumulation_steps
        gradients = inner._accumulated_gradients if accumulating else []
        return [*gradients, *self.reduction.variables]

    @property
    def own_moments(self) -> list:
        """The variables that differ between ranks for good: with Adasum, the moments of each."""
        if self.reduction.op != "adasum":
            return []
        inner = getattr(self, "inner_optimizer", self)
        alike = (inner._iterations, inner._learning_rate)
        return [v for v in inner.variables if not any(v is each for each in alike)]

    @property
    def gradient_bytes_per_step(self) -> int:
        """Bytes that this rank hands to collectives per step, on average over accumulation."""
        inner = getattr(self, "inner_optimizer", self)
        return self.reduction.bytes_per_reduction // (inner.gradient_accumulation_steps or 1)

    def describe(self) -> dict:
        """How gradients are combined, for the record of a run; complete after the first step."""
        inner = getattr(self, "inner_optimizer", self)
        reduction = self.reduction
        return {
            "ranks": reduction.communicator.size,
            "backend": reduction.communicator.backend,
            "op": reduction.op,
            "compression": reduction.compression,
            "compression_probe_seconds": dict(reduction.probe_seconds),
            "accumulate_steps": inner.gradient_accumulation_steps or 1,
            "reduce_on": reduction.reduce_on,
            "group_mib": reduction.group_mib,
            "groups": reduction.buckets,
            "gradient_bytes_per_step": self.gradient_bytes_per_step,
            "loss_scaling": isinstance(self, LossScaleOptimizer),
        }


class DistributedLossScale(Distributed):
    """Mixed into `LossScaleOptimizer`: all ranks skip a step together or take it together."""

    inside = False  # the inner optimizer reduces
    agree: Communicator | None = None  # ranks to ask, where not all see the same gradients

    def apply(self, grads, trainable_variables=None):
        # Past Distributed.apply: Keras's own, which asks check_finite and then the inner one.
        keras_apply = super(Distributed, self).apply
        keras_apply(grads if self.inside else self.reduction(grads), trainable_variables)

    def check_finite(self, grads):
        finite = super().check_finite(grads)
        if self.agree is None or self.agree.size == 1 or is_no_sync():
            return finite
        everywhere = self.agree.allreduce(
            keras.ops.cast(finite, "float32"), "min", name="HorovodAllreduce_caps_hvd_finite"
        )
        return everywhere > 0.5


def _accumulate(optimizer, steps):
    if steps == 1 or optimizer.gradient_accumulation_steps == steps:
        return
    if optimizer.gradient_accumulation_steps:
        raise ConfigError(
            f"accumulate_steps: the optimizer already has gradient_accumulation_steps="
            f"{optimizer.gradient_accumulation_steps}, received {steps}; give only one of them"
        )
    if optimizer.built:
        raise ConfigError(
            f"accumulate_steps: expected an optimizer that is not built yet for {steps} steps; "
            "call distribute() before the optimizer's first use"
        )
    optimizer.gradient_accumulation_steps = steps


def _become(optimizer, mixin, reduction, **attributes):
    """Give an optimizer a class that has `mixin` in front of its own.

    The class keeps name and module: what Keras writes into a saved model then loads anywhere, as
    the plain optimizer.
    """
    plain = type(optimizer)
    optimizer.__class__ = type(
        plain.__name__,
        (mixin, plain),
        {"__module__": plain.__module__, "plain_class": plain, "__doc__": plain.__doc__},
    )
    optimizer.reduction = reduction
    for name, value in attributes.items():
        setattr(optimizer, name, value)
    return optimizer
