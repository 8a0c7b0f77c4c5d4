# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A Slurm controller and node on loopback: the parts of a job array are the file of one process, also when a task is killed."""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
import scale
from conftest import ENVIRONMENT, ROOT
from where import TINY

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "examples" / "02_slurm" / "rerank_array.sh"
BUILD = SCRIPT.with_name("build_passages_array.sh")
SHARDS = 4
# Nobody but this machine's own processes can reach it, so nobody needs a key. A task that was killed waits until its old
# credentials expire before it starts again.
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def work(binary, model, tmp_path_factory):
    """(folder, bytes of one process)"""
    return scale.prepare(binary, tmp_path_factory.mktemp("slurm-work"))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Runs a command of Slurm's against a cluster of this machine alone."""
    if shutil.which("slurmctld") is None:
        pytest.skip("slurmctld is missing; run scripts/setup scale")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(
        host=socket.gethostname().split(".")[0], controller=free_port(), node=free_port(), user=getpass.getuser(), folder=folder))
    environment = {**ENVIRONMENT, "SLURM_CONF": str(folder / "slurm.conf")}

    def ask(*command) -> str:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    ask.environment = environment
    daemons = []
    try:
        for name in ("slurmctld", "slurmd"):
            with open(folder / f"{name}.log", "wb") as log:
                daemons.append(subprocess.Popen([name, "-D"], env=environment, stdout=log, stderr=log))
        try:
            until(lambda: "idle" in subprocess.run(["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True,
                                                   text=True).stdout, "the node is idle")
        except AssertionError as error:
            logs = "\n".join((folder / f"{name}.log").read_text()[-2000:] for name in ("slurmctld", "slurmd"))
            raise AssertionError(f"{error}\n{logs}") from error
        yield ask
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()


def submit(slurm, binary, folder, parts, *flags) -> str:
    return slurm("sbatch", "--parsable", f"--array=1-{SHARDS}", "--cpus-per-task=1", f"--output={parts}/log.%a",
                 f"--export=ALL,HEADWISE={binary}", SCRIPT, folder, folder / "run.trec", parts, "--heads", scale.HEADS, *flags).strip()


def wait_for(slurm, job: str, parts) -> None:
    until(lambda: slurm("squeue", "--noheader", "--states=PENDING,RUNNING,COMPLETING,CONFIGURING,REQUEUED", f"--jobs={job}") == "",
          f"job {job} is done", 300)
    states = slurm("scontrol", "--oneliner", "show", "job", job)
    logs = "\n".join(log.read_text() for log in sorted(parts.glob("log.*")))
    assert states.count("JobState=COMPLETED") == SHARDS, states + logs


def joined(parts) -> bytes:
    return b"".join((parts / f"{shard}.trec").read_bytes() for shard in range(1, SHARDS + 1))


def process_that_writes(output, verb=b"rerank") -> int:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
            except OSError:
                continue
            if verb in words[1:2] and str(output).encode() in words:
                return int(entry)
    raise AssertionError(f"no process writes {output}")


def test_the_parts_are_the_file_of_one_process(slurm, binary, work, tmp_path):
    folder, whole = work
    wait_for(slurm, submit(slurm, binary, folder, tmp_path), tmp_path)
    assert joined(tmp_path) == whole and not list(tmp_path.glob("*.partial"))


def test_a_killed_task_loses_nothing(slurm, binary, work, tmp_path):
    folder, whole = work
    job = submit(slurm, binary, folder, tmp_path, "--full-depth")
    partial = tmp_path / "1.trec.partial"
    until(lambda: partial.exists() and partial.read_bytes().count(b"\n") > 2, "the first task has finished a query")
    os.kill(process_that_writes(tmp_path / "1.trec"), signal.SIGKILL)
    wait_for(slurm, job, tmp_path)
    assert "queries are done" in (tmp_path / "log.1").read_text()  # it went on, and did not begin again
    assert joined(tmp_path) == whole


def submit_build(slurm, binary, corpus, parts) -> str:
    return slurm("sbatch", "--parsable", f"--array=1-{SHARDS}", "--cpus-per-task=1", f"--output={parts}/log.%a",
                 f"--export=ALL,HEADWISE={binary}", BUILD, corpus, parts / "kept", "--model", TINY).strip()


def test_tasks_build_one_store_and_a_killed_one_loses_nothing(slurm, binary, tmp_path):
    corpus = scale.make_passages(tmp_path)
    job = submit_build(slurm, binary, corpus, tmp_path)
    until(lambda: list((tmp_path / "kept").glob("*.kept")), "a task has kept a passage")
    os.kill(process_that_writes(tmp_path / "kept", b"passages"), signal.SIGKILL)
    wait_for(slurm, job, tmp_path)
    left = scale.whole_build(binary, corpus, tmp_path / "kept")
    assert (left["encoded"], left["kept_before"]) == (0, scale.PASSAGES)


@pytest.mark.parametrize("script", [SCRIPT, BUILD])
def test_the_script_says_how_it_is_used(script):
    done = subprocess.run([str(script)], capture_output=True, text=True, env={**ENVIRONMENT, "SLURM_ARRAY_TASK_ID": ""})
    assert done.returncode == 2 and "sbatch --array=1-N" in done.stderr
