"""What a training run is told: one frozen dataclass; `config_file.py` reads it."""

import dataclasses
import hashlib
import json

import tomli_w

from caps_hvd import schedules
from caps_hvd.io.options import check, option, option_of
from caps_hvd.lanes import balance, lane

# Those of `models.names()`, which needs Keras.
MODELS = ("capsnet", "lenet5", "mlcn")

_ANY_SAMPLES = 2**40  # more than any data set has


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A complete description of one training run.

    The fields are the keys of a TOML file and, with dashes, the options of `caps-hvd train`.
    `docs/training.md` has them all with their units, ranges and defaults.

    Raises:
        ConfigError: a value has the wrong type or is out of range.

    Example:
        >>> config = TrainConfig(dataset="mnist", batch_size=128)
        >>> config.epochs
        10
    """

    model: str = option("capsnet", "Model to train.", "Model", choices=MODELS)
    preset: str = option(
        "auto",
        "Size of the model; auto takes small for images below 28 pixels, paper for larger ones; "
        "slim is the paper's with an eighth of the filters and a quarter of the capsules.",
        "Model",
        choices=("auto", "paper", "slim", "small"),
    )
    routing_iterations: int = option(3, "Iterations of dynamic routing.", "Model", minimum=1)
    stop_gradient: bool = option(
        False, "Let gradients pass through the last routing iteration only.", "Model"
    )
    routing_memory_mib: float | None = option(
        None,
        "Route in blocks that stay below this and recompute them in the backward pass.",
        "Model",
        unit="MiB",
        above=0,
        none="unlimited",
        decides_result=False,
    )
    weight_sharing: bool = option(
        False, "Let all positions of an image share the transformations of a capsule type.", "Model"
    )
    decoder: str = option(
        "full",
        "Decoder that reconstructs the image: full sees all class capsules, all but one of them "
        "zeroed; small sees that one only.",
        "Model",
        choices=("full", "small", "none"),
    )
    reconstruction_weight: float = option(
        0.0005,
        "Weight of the reconstruction loss (squared error summed over an image's pixels).",
        "Model",
        minimum=0,
    )
    precision: str = option(
        "float32",
        "Precision of convolutions and matrix products.",
        "Model",
        choices=("float32", "bfloat16", "float16"),
    )

    lanes: int = option(
        lane.DEFAULTS["lanes"], "Lanes of mlcn, all of one kind.", "Lanes", minimum=1, maximum=1024
    )
    lane_type: str = option(
        lane.DEFAULTS["lane_type"], "Kind of the lanes.", "Lanes", choices=lane.TYPES
    )
    lane_width: int = option(
        lane.DEFAULTS["lane_width"],
        "Width of the lanes.",
        "Lanes",
        unit="16 filters each",
        minimum=1,
        maximum=64,
    )
    lane_depth: int = option(
        lane.DEFAULTS["lane_depth"],
        "Depth of the lanes.",
        "Lanes",
        unit="levels of primary capsules",
        minimum=1,
        maximum=64,
    )
    lane_list: tuple[str, ...] | None = option(
        None,
        "Lanes of several kinds, in place of the four above.",
        "Lanes",
        unit="of texts; on the command line the name of a TOML file",
        none="none",
        check_items=lane.checked_texts,
        read=lane.texts_of,
    )
    lane_dropout: float = option(
        0.0, "Share of the lanes that a step leaves out at random.", "Lanes", minimum=0, maximum=0.9
    )
    lane_routing: str = option(
        "published",
        "What a lane routes to: published is one capsule, and iterations change nothing; classes "
        "is a capsule for each class, which compete.",
        "Lanes",
        choices=("published", "classes"),
    )
    lane_groups: int | None = option(
        1,
        "Groups that the lanes are divided into, each on a rank of its own; so many ranks share a "
        "batch, and exchange what their lanes give. ranks makes one group for each rank.",
        "Lanes",
        minimum=1,
        maximum=1024,
        none="ranks",
        decides_result=False,
    )
    balance: str = option(
        "greedy",
        "How lanes are divided into groups, where there are several, by what they take and how "
        "fast the ranks are.",
        "Lanes",
        choices=balance.METHODS,
        decides_result=False,
    )
    lane_plan: str | None = option(
        None,
        "File of a plan that `caps-hvd lanes balance` has made, in place of --balance.",
        "Lanes",
        in_file=False,
        decides_result=False,
    )

    dataset: str = option("digits", "Name of the data set, or an HDF5 file.", "Data")
    data_dir: str | None = option(
        None,
        "Folder that holds the data sets, $CAPS_HVD_DATA_DIR by default.",
        "Data",
        decides_result=False,
    )
    rotation_degrees: float = option(
        0.0,
        "Angle that rotated data sets turn their test images by.",
        "Data",
        unit="degrees",
        minimum=-360,
        maximum=360,
    )
    train_samples: int | None = option(
        None, "Train on the first samples only.", "Data", unit="samples", minimum=1, none="all"
    )
    test_samples: int | None = option(
        None, "Test on the first samples only.", "Data", unit="samples", minimum=1, none="all"
    )
    augment: bool = option(False, "Shift, rotate and (colour images) flip at random.", "Data")
    max_shift_pixels: int = option(
        2, "Largest random shift, in each direction.", "Data", unit="pixels", minimum=0
    )
    max_rotation_degrees: float = option(
        10.0, "Largest random rotation.", "Data", unit="degrees", minimum=0, maximum=180
    )

    epochs: int = option(
        10, "Times to go through the data.", "Training", minimum=1, decides_result=False
    )
    batch_size: int = option(
        100, "Images per step on each rank.", "Training", unit="images per rank", minimum=1
    )
    optimizer: str = option(
        "adam",
        "Optimizer, with Keras' defaults for all but the learning rate.",
        "Training",
        choices=("adam", "adamw", "nadam", "rmsprop", "sgd"),
    )
    learning_rate: float = option(
        0.001, "Learning rate of one rank, before scaling.", "Training", above=0
    )
    scale_learning_rate: str = option(
        "linear",
        "How the learning rate grows with the number of ranks.",
        "Training",
        choices=("linear", "sqrt", "none"),
    )
    warmup_epochs: float = option(
        5.0,
        "Epochs over which the learning rate climbs to its scaled value.",
        "Training",
        unit="epochs",
        minimum=0,
    )
    seed: int = option(
        0,
        "Seed of initial weights, order of samples and augmentation.",
        "Training",
        minimum=0,
        maximum=2**32 - 1,
    )
    evaluate_every: int = option(
        1,
        "Epochs from one evaluation on the test set to the next; 0 evaluates at the end only.",
        "Training",
        unit="epochs",
        minimum=0,
        decides_result=False,
    )

    policy: str = option(
        "fixed",
        "How learning rate and batch go over the run, by name.",
        "Schedule",
        choices=tuple(schedules.POLICIES),
    )
    lr_policy: str | None = option(
        None,
        "Learning-rate policy, in place of that of --policy.",
        "Schedule",
        choices=tuple(schedules.RATES),
        none="policy",
    )
    batch_policy: str | None = option(
        None,
        "Batch-size policy, in place of that of --policy; all but fixed choose the batch of all "
        "ranks together, whatever --batch-size says, and the rate then does not follow the ranks.",
        "Schedule",
        choices=schedules.BATCHES,
        none="policy",
    )
    lr_min: float = option(
        0.0001, "Smallest rate of one-cycle and of the restarts.", "Schedule", above=0
    )
    decay: float | None = option(
        None,
        "Factor that exponential (0.96) and step-decay (0.7) fall by.",
        "Schedule",
        above=0,
        maximum=1,
        none="policy",
    )
    decay_steps: int = option(
        2000, "Steps over which exponential falls by its factor.", "Schedule", minimum=1
    )
    decay_epochs: int = option(2, "Epochs that step-decay keeps a rate for.", "Schedule", minimum=1)
    cycle_epochs: int | None = option(
        None,
        "Epochs of a cycle of the restarts; auto is 1, and with adabatch a cycle per batch size.",
        "Schedule",
        minimum=1,
        none="auto",
    )
    power: float = option(2.0, "Exponent of polynomial-restarts.", "Schedule", above=0)
    batch_exponent: int = option(
        4,
        "P of adabatch, whose batches after the first are 2^P and more.",
        "Schedule",
        minimum=0,
        maximum=30,
    )
    growth: str | None = option(
        None,
        "Whether adabatch doubles its batch twice (double) or stays at 2^P (none).",
        "Schedule",
        choices=("double", "none"),
        none="policy",
    )
    first_epochs: int = option(
        3, "Epochs that adabatch trains with a batch of 1.", "Schedule", minimum=1
    )
    growth_epochs: int = option(
        5, "Epochs between two doublings of adabatch.", "Schedule", minimum=1
    )

    reduce_op: str = option(
        "average",
        "How gradients are combined over the ranks; adasum needs MPI and 2^n ranks.",
        "Distribution",
        choices=("average", "sum", "adasum"),
    )
    compression: str = option(
        "auto",
        "Type that gradients travel in; auto takes what is faster on this backend.",
        "Distribution",
        choices=("auto", "none", "fp16"),
    )
    accumulate_steps: int = option(
        1, "Steps whose gradients are added up locally.", "Distribution", unit="steps", minimum=1
    )
    reduce_on: str = option(
        "auto",
        "Device that gradients are reduced on.",
        "Distribution",
        choices=("auto", "cpu"),
        decides_result=False,
    )
    threads: int | None = option(
        None,
        "Threads of each rank; auto divides the cores that the ranks of a host may use.",
        "Distribution",
        minimum=1,
        none="auto",
        decides_result=False,
    )

    run_dir: str | None = option(
        None,
        "Folder for the results, runs/<model>-<dataset>-<UTC time> by default.",
        "Run",
        in_file=False,
        decides_result=False,
    )
    resume: bool = option(
        False,
        "Go on from the run directory's checkpoint; starts afresh where there is none.",
        "Run",
        in_file=False,
        decides_result=False,
    )
    tensorboard: bool = option(
        False, "Write TensorBoard events into the run directory.", "Run", decides_result=False
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, check(field, getattr(self, field.name)))
        self.schedule(_ANY_SAMPLES)  # options that no data set would make fit

    def schedule(self, samples: int, ranks: int = 1) -> schedules.Schedule:
        """Learning rate and global batch over the run.

        Args:
            samples: training images of an epoch.
            ranks: number of processes.

        Raises:
            ConfigError: the options of the policy do not fit together, or do not fit the data.
        """
        return schedules.schedule(
            epochs=self.epochs,
            samples=samples,
            batch=self.batch_size * ranks,
            policy=self.policy,
            lr_policy=self.lr_policy,
            batch_policy=self.batch_policy,
            lr_max=self.learning_rate,
            lr_min=self.lr_min,
            decay=self.decay,
            decay_steps=self.decay_steps,
            decay_epochs=self.decay_epochs,
            cycle_epochs=self.cycle_epochs,
            power=self.power,
            exponent=self.batch_exponent,
            growth=self.growth,
            first_epochs=self.first_epochs,
            growth_epochs=self.growth_epochs,
        )

    def to_dict(self) -> dict:
        """All values by name, as plain Python objects."""
        return dataclasses.asdict(self)

    def to_toml(self) -> str:
        """The experiment as the text of a TOML file, which `config_file.load` reads back."""
        return tomli_w.dumps(self.file_values())

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the values that decide a run's result."""
        values = {name: getattr(self, name) for name in self.deciding_names()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def deciding_names(self) -> list[str]:
        """Names of the values that a resumed run must share with the run that it goes on with."""
        names = [field.name for field in fields() if option_of(field).decides_result]
        planned = schedules.depends_on_epochs(
            self.policy, self.lr_policy, self.batch_policy, self.cycle_epochs
        )
        return [*names, "epochs"] if planned else names

    def file_values(self) -> dict:
        """What describes the experiment: all values but those of one invocation."""
        values = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                value = option_of(field).none
            if value is not None and option_of(field).in_file:
                values[field.name] = value
        return values


def fields() -> tuple[dataclasses.Field, ...]:
    """The fields of a `TrainConfig` in the order in which people read them."""
    return dataclasses.fields(TrainConfig)
