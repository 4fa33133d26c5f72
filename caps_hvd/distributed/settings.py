"""Settings of Horovod and Open MPI, as environment variables that are read when Horovod starts."""

from collections.abc import Mapping

_ENVIRONMENT = {
    # A rank that is alive but never comes to a collective would be waited for without end:
    # fifteen minutes is longer than any pause that training makes.
    "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "900",
    # Horovod's thread talks to the other ranks every millisecond, and Open MPI waits for them in
    # a loop. On a rank that has no core to spare that lengthens every step, also those that reduce
    # nothing, unless the core is given up between looks.
    "OMPI_MCA_mpi_yield_when_idle": "1",
}
# Open MPI from 4.1 on reduces whatever is large by halving and doubling (Rabenseifner's algorithm);
# where the ranks are no power of two, that sends twice what a ring does. Short messages go the
# short way in either case. Among very many ranks a ring starts too many messages; within a machine
# nothing is gained.
_RING = {
    "OMPI_MCA_coll_tuned_use_dynamic_rules": "1",
    "OMPI_MCA_coll_tuned_allreduce_algorithm": "4",
}
_RING_RANKS = range(3, 65)


def settings(launched: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables of Horovod and Open MPI for that many ranks, where the user has set nothing."""
    local = environ.get("OMPI_COMM_WORLD_LOCAL_SIZE", "")
    many_hosts = (
        int(local) < launched if local.isdigit() else environ.get("SLURM_NNODES", "1") != "1"
    )
    # Half a setting would turn the user's own rules upside down.
    own_rules = any(name.startswith("OMPI_MCA_coll_tuned") for name in environ)
    ring = many_hosts and launched in _RING_RANKS and not own_rules
    return _ENVIRONMENT | (_RING if ring else {})
