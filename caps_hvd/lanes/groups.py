"""Size of a lane group: the number of ranks that share a batch, each with other lanes."""

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.lane import Lane, lanes_of_model


def group_size(config, ranks: int) -> int:
    """Returns how many ranks share a batch: as many as there are groups of lanes.

    Args:
        config: a `TrainConfig`.
        ranks: of the job.

    Raises:
        ConfigError: the model has no lanes, there are fewer lanes than groups, or the ranks do not
            make whole teams of that size.
    """
    size = ranks if config.lane_groups is None else config.lane_groups
    if size == 1:
        if config.lane_plan is not None:
            raise ConfigError(
                "lane_plan: expected none where one group has all lanes (--lane-groups 1, or one "
                f"rank), received {config.lane_plan!r}; leave it out, or take more --lane-groups"
            )
        return 1
    if config.model != "mlcn":
        raise ConfigError(
            f"lane_groups: expected 1, since model {config.model} has no lanes; received {size}; "
            "remove it, or take model mlcn"
        )
    lanes = len(model_lanes(config))
    if size > lanes:
        raise ConfigError(
            f"lane_groups: expected {lanes} at most, one for each lane, received {size}: ranks "
            "would be idle; take fewer groups, or more lanes"
        )
    if ranks % size:
        raise ConfigError(
            f"lane_groups: expected a divisor of {ranks} rank{'s' * (ranks > 1)}, received {size}; "
            f"start {size} ranks or a multiple, or take --lane-groups ranks or 1"
        )
    if config.reduce_op == "adasum" and ranks > size:
        raise ConfigError(
            f"reduce_op: expected average or sum with {size} lane groups on {ranks} ranks, since "
            "Horovod has no adasum of some ranks only; received 'adasum'"
        )
    return size


def model_lanes(config) -> tuple[Lane, ...]:
    """Returns the lanes of the model that a `TrainConfig` describes."""
    return lanes_of_model(
        config.lane_list, config.lanes, config.lane_type, config.lane_width, config.lane_depth
    )
