"""The files of a Slurm for tests: its configuration, its key, its devices, the nodes' folders."""

import os
import socket
from pathlib import Path

_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# The credential's life is also the delay of a requeue.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdSpoolDir={folder}/spool/%n
SlurmdPidFile={folder}/run/%n.pid
SlurmdLogFile={folder}/log/%n.log
# Each node's own, or PMIx' sockets would collide.
TmpFS={folder}/tmp/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# Nodes may claim more cores than there are.
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
ReturnToService=2
KillWait=2
MinJobAge=3600
JobRequeue=1
GresTypes=gpu
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
"""


def write(folder: Path, names, gpus: int, cpus: int) -> None:
    """Writes everything that the daemons of a cluster read.

    Args:
        folder: of the cluster; it must hold none yet.
        names: of the nodes.
        gpus, cpus: what each node says that it has.
    """
    for name in ("munge", "state", "log", "run", "dev", "spool", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=name != "munge")
    folder.chmod(0o755)
    for name in names:
        (folder / "spool" / name).mkdir()
        (folder / "tmp" / name).mkdir()
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    for number in range(gpus):
        (folder / "dev" / f"nvidia{number}").symlink_to("/dev/null")
    gres = f"NodeName={','.join(names)} Name=gpu File={folder}/dev/nvidia[0-{gpus - 1}]\n"
    (folder / "gres.conf").write_text(gres if gpus else "")
    host = socket.gethostname().partition(".")[0]
    hosts = ["127.0.0.1 localhost", *(f"127.0.0.1 {name}" for name in (host, *names))]
    (folder / "hosts").write_text("\n".join(hosts) + "\n")
    ports = _free_ports(1 + len(names))
    lines = [
        f"NodeName={name} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=4000"
        f"{f' Gres=gpu:{gpus}' if gpus else ''}"
        for name, port in zip(names, ports[1:], strict=True)
    ]
    text = _CONFIGURATION.format(host=host, folder=folder, ports=ports, nodes="\n".join(lines))
    (folder / "slurm.conf").write_text(text)


def _free_ports(count) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
