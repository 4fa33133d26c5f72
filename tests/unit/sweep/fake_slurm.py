"""A Slurm that is only pretended: it takes jobs, and says of them what it is told."""

from caps_hvd.errors import ConfigError
from caps_hvd.system import slurm_queue


class FakeSlurm:
    """Takes the place of `caps_hvd.system.slurm_queue`."""

    def __init__(self, monkeypatch, refuse=""):
        self.refuse, self.scripts, self.cancelled, self.found = refuse, {}, [], {}
        self.names = {}
        for name in ("sbatch", "states", "find", "cancel"):
            monkeypatch.setattr(slurm_queue, name, getattr(self, name))

    def sbatch(self, script, *, test_only=False, name="job"):
        if self.refuse and self.refuse in script:
            raise ConfigError("Slurm refuses the job")
        if test_only:
            return None
        if len(self.scripts) == getattr(self, "full_at", 99):
            raise ConfigError("Slurm refuses the job: queue full")
        number = 100 + len(self.scripts)
        self.scripts[number], self.names[name] = script, str(number)
        return number

    def find(self, names):
        return {name: self.names[name] for name in names if name in self.names}

    def states(self, jobs):
        return {job: self.found.get(job, "pending") for job in jobs}

    def cancel(self, jobs):
        self.cancelled += jobs

    def lines(self, number, word):
        return [line.split("=", 1)[1] for line in self.scripts[number].splitlines() if word in line]
