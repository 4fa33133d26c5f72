"""The class capsules of the networks that route by agreement, as their options ask for them."""

from caps_hvd.errors import ConfigError
from caps_hvd.layers import RoutedCapsules


def routed_class_capsules(options, classes, capsule_dim, types) -> RoutedCapsules:
    """Returns the layer of class capsules of a network.

    Args:
        options: with `routing_iterations`, `stop_gradient`, `weight_sharing`, `routing_memory_mib`
            and `initialization`, such as a `CapsNetOptions`.
        classes: how many class capsules there are, 1 or more.
        capsule_dim: components of a class capsule.
        types: types of primary capsules, which share weights where that is asked for.

    Raises:
        ConfigError: the number of classes or of routing iterations is below 1.
    """
    at_least_one = {"classes": classes, "routing_iterations": options.routing_iterations}
    for name, value in at_least_one.items():
        if value < 1:
            raise ConfigError(f"{name}: expected 1 or more; received {value}")
    return RoutedCapsules(
        classes,
        capsule_dim,
        iterations=options.routing_iterations,
        stop_gradient=options.stop_gradient,
        types=types if options.weight_sharing else None,
        memory_mib=options.routing_memory_mib,
        initialization=options.initialization,
        name="class_capsules",
    )
