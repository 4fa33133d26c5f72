"""Facts of a host, read from the text of its system files."""

from caps_hvd.system import host

CPUINFO = """\
processor\t: 0
model name\t: AMD EPYC 9B14
flags\t\t: fpu avx f16c fma avx512_bf16
processor\t: 1
model name\t: AMD EPYC 9B14
flags\t\t: fpu
"""


def test_processor():
    assert host.cpu_model(CPUINFO) == "AMD EPYC 9B14"
    assert host.cpu_features(CPUINFO) == {"fpu", "avx", "f16c", "fma", "avx512_bf16"}
    assert host.cpu_model("") == ""
    assert host.cpu_features("") == frozenset()


def test_bfloat16():
    assert host.bfloat16_support(frozenset({"avx", "avx512_bf16"})) == "avx512_bf16"
    assert host.bfloat16_support(frozenset({"amx_bf16", "avx512_bf16"})) == (
        "avx512_bf16, amx_bf16"
    )
    assert host.bfloat16_support(frozenset({"avx2"})) == ""


def test_cores_follow_the_affinity_and_the_quota(monkeypatch):
    monkeypatch.setattr(host.os, "sched_getaffinity", lambda pid: {0, 3, 5, 7})
    assert host.usable_cores("") == 4
    assert host.usable_cores("max 100000\n") == 4
    assert host.usable_cores("150000 100000\n") == 1.5
    assert host.usable_cores("800000 100000\n") == 4


def test_a_quota():
    assert host.cpu_quota("250000 100000\n") == 2.5
    assert host.cpu_quota("max 100000\n") == float("inf")
    assert host.cpu_quota("") == float("inf")  # there is no such file


def test_memory():
    text = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n"
    assert host.memory_bytes(text) == (2 * 2**20, 2**20)


def test_interfaces_have_names_and_addresses():
    loopback = next(entry for entry in host.interfaces() if "127.0.0.1" in entry.addresses)
    assert loopback.name == "lo"


def test_what_is_not_there():
    assert host.free_bytes("/no/such/folder") is None
    assert host.read("/no/such/file") == ""


def test_available_memory():
    text = "MemTotal: 4096 kB\nMemAvailable: 2048 kB\n"
    assert host.available_memory(text, "max\n") == host.available_memory(text, "") == 2 * 2**20
    assert host.available_memory(text, "1048576\n") == 2**20
    assert host.available_memory(text, "99999999999\n") == 2 * 2**20
