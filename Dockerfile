# Images to train in, with Open MPI and Horovod inside: `cpu`, the default, and `gpu` (NCCL).
#
#     docker build -t caps_hvd .
#     docker build -t caps_hvd:gpu --target gpu .
#     docker run --rm --init caps_hvd caps-hvd train --dataset digits
#
# --build-arg SSH=openssh-server  adds an sshd for runs over several containers (docs/hpc.md)
# --build-arg UID=1234            makes the user the owner of files that are mounted
#
# One Debian below all stages: Horovod is compiled against the C library, Python and C++ run time
# that it is run with.  scripts/container_check runs the steps of the cpu target without Docker.

FROM debian:bookworm-slim AS base
# hadolint ignore=DL3008 # the newest patches of this Debian; its mirrors keep no older versions
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 python3


# What decides about the environment and nothing else, so that other changes do not make it anew.
FROM base AS build
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    apt-get update \
    && apt-get install --yes --no-install-recommends g++ make python3-venv
WORKDIR /opt/caps_hvd
COPY pyproject.toml setup.py README.md LICENSE ./
COPY caps_hvd/__init__.py caps_hvd/errors.py caps_hvd/
# What compiles the operations in C++.
COPY caps_hvd/native caps_hvd/native
COPY caps_hvd/system caps_hvd/system
COPY caps_hvd/data/readers/mnist_mini.LICENSE.txt caps_hvd/data/readers/
COPY scripts/setup_env.py scripts/constraints.txt scripts/
COPY scripts/environment scripts/environment
COPY scripts/horovod scripts/horovod
# The tools for tests and the JAX backend stay out.
ENV EXTRAS=""


# The environment, by the same program and with the same versions as on any other machine.
FROM build AS build-cpu
RUN --mount=type=cache,target=/root/.cache,sharing=locked \
    python3 scripts/setup_env.py \
    && .venv/bin/python -m pip uninstall --yes cmake patch-ng


FROM build AS build-gpu
ENV HOROVOD_GPU=1
# CUDA's compiler and headers serve the build alone: what runs comes with TensorFlow's packages.
RUN --mount=type=cache,target=/root/.cache,sharing=locked \
    --mount=type=bind,from=nvidia/cuda:12.5.1-devel-ubuntu22.04,source=/usr/local/cuda-12.5,target=/usr/local/cuda \
    python3 scripts/setup_env.py \
    && .venv/bin/python -m pip uninstall --yes cmake patch-ng


# What both images run on: no compiler, no root; the libraries that UCX and NCCL open for InfiniBand.
FROM base AS run
ARG SSH=openssh-client
ARG UID=1000
# hadolint ignore=DL3008
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    apt-get update \
    && apt-get install --yes --no-install-recommends \
        ibverbs-providers libibverbs1 librdmacm1 "$SSH" \
    && rm -f /etc/ssh/ssh_host_* \
    && useradd --create-home --shell /bin/bash --uid "$UID" caps_hvd \
    && install --directory --owner=caps_hvd /work
COPY docker/ssh_config /etc/ssh/ssh_config.d/caps_hvd.conf
COPY docker/sshd_config /etc/caps_hvd/sshd_config
ENV PATH=/opt/caps_hvd/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    VIRTUAL_ENV=/opt/caps_hvd/.venv \
    TF_CPP_MIN_LOG_LEVEL=2 \
    # Docker forbids the ranks to read each other's memory; Open MPI would complain at each message.
    OMPI_MCA_btl_vader_single_copy_mechanism=none
LABEL org.opencontainers.image.title="caps_hvd" \
      org.opencontainers.image.description="Capsule networks trained on a cluster with Horovod" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /work
CMD ["caps-hvd", "--help"]


FROM run AS gpu
# Read by NVIDIA's container run time, which brings the driver's libraries.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-gpu /opt/caps_hvd /opt/caps_hvd
COPY caps_hvd /opt/caps_hvd/caps_hvd
USER $UID


FROM run AS cpu
COPY --from=build-cpu /opt/caps_hvd /opt/caps_hvd
COPY caps_hvd /opt/caps_hvd/caps_hvd
USER $UID
