"""A check of a job's container image, before anything waits in a queue."""

from pathlib import Path

from caps_hvd.errors import ConfigError


def check_image(image: str | None, where: str) -> None:
    """Makes sure that the file of an image is there: login node and nodes see the same files.

    URLs and names of Docker images are not looked up.

    Args:
        image: as for `job.SlurmJob`.
        where: what to call it in an error, such as `--container`.

    Raises:
        ConfigError: it is a file's path, and there is no such file.
    """
    if image is None or "://" in image:
        return
    if (image.endswith(".sif") or image.startswith(("/", "."))) and not Path(image).is_file():
        raise ConfigError(
            f"{where}: expected the file of an image that login node and nodes see, a URL such as "
            f"docker://NAME, or the name of a Docker image; received {image!r}, which is not here; "
            "see docs/hpc.md for how to build one"
        )
