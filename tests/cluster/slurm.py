"""Slurm on this one machine, from Debian's packages: brought up, used and taken down again, also after a failure.

    python -m tests.cluster.slurm COMMAND ...

runs a command with two small nodes to send jobs to. All files lie in a temporary folder but slurm.conf and
slurmdbd.conf: job steps look for these in /etc/slurm alone, and where they stay behind every later start of Snakemake
waits for a scheduler that is gone. Needs root, and slurm-wlm, munge, slurmdbd and mariadb-server installed.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DAEMONS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch", "sacctmgr")
SETTINGS = Path("/etc/slurm")
PATIENCE = 120.0
NODES = ("one", "two")
CPUS, MEMORY = 2, 64_000
"""Of a node, in MiB: more than the machine may have, so that jobs of any size fit; nothing holds them to it."""


def missing() -> str:
    """Why no Slurm can be set up here; empty if it can."""
    absent = [name for name in DAEMONS if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge slurmdbd mariadb-server"
    if os.geteuid():
        return "the daemons of Slurm need root"
    if (SETTINGS / "slurm.conf").exists():
        return f"{SETTINGS / 'slurm.conf'} is there: this machine has a Slurm of its own"
    return ""


@contextlib.contextmanager
def slurm() -> Iterator["Slurm"]:
    """A running Slurm; whatever happens inside, nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True) as folder:
        cluster = Slurm(Path(folder))
        try:
            cluster.start()
            yield cluster
        except BaseException:
            print(cluster.log(), file=sys.stderr)
            raise
        finally:
            cluster.stop()


class Slurm:
    """The daemons of a cluster of two nodes, each a slurmd on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = dict(zip(("database", "accounts", "control", *NODES), _free_ports(5), strict=True))
        self.password = secrets.token_hex(8)
        self.settings = [SETTINGS / "slurm.conf", SETTINGS / "slurmdbd.conf"]

    def start(self) -> None:
        """Bring everything up, each daemon only once the one that it asks answers."""
        self.folder.chmod(0o711)
        (self.folder / "key").write_bytes(secrets.token_bytes(128))
        (self.folder / "key").chmod(0o600)
        munge = self.folder / "munge"
        for folder in (munge, self.folder / "state", self.folder / "spool"):
            folder.mkdir(mode=0o711)
        self._daemon(
            "munged", "--foreground", "--force", f"--key-file={self.folder / 'key'}", f"--socket={self.socket}",
            f"--pid-file={munge / 'pid'}", f"--log-file={munge / 'log'}", f"--seed-file={munge / 'seed'}",
        )  # fmt: skip
        self._database()
        _wait(self.socket.exists, "munged opens its socket")
        SETTINGS.mkdir(exist_ok=True)
        for path, text in zip(self.settings, (self._slurm_conf(), self._slurmdbd_conf()), strict=True):
            path.write_text(text)
            path.chmod(0o600 if path.name == "slurmdbd.conf" else 0o644)
        self._daemon("slurmdbd", "-D")
        _wait(lambda: _listens(self.ports["accounts"]), "slurmdbd listens")
        for words in (["cluster", "balanza"], ["account", "balanza"], ["user", "root", "account=balanza"]):
            _wait(lambda words=words: _succeeds("sacctmgr", "-i", "add", *words), f"sacctmgr adds the {words[0]}")
        self._daemon("slurmctld", "-D", "-i")
        _wait(lambda: _listens(self.ports["control"]), "slurmctld listens")
        for node in NODES:
            self.boot(node)

    def boot(self, node: str) -> None:
        """Start a node, and wait until it takes jobs."""
        self._daemon("slurmd", "-D", "-b", "-N", node, name=node)
        _wait(lambda: self.state(node) in {"idle", "mixed", "allocated"}, f"node {node} is up")

    def state(self, node: str) -> str:
        """What the scheduler says of a node: idle, mixed, allocated, down, ..."""
        told = subprocess.run(["sinfo", "-h", "-n", node, "-o", "%T"], capture_output=True, text=True, timeout=30)
        return told.stdout.strip().strip("*$~#")

    def busy(self) -> str | None:
        """A node that runs a job."""
        return next((node for node in NODES if self.state(node) in {"mixed", "allocated"} and self._steps(node)), None)

    def kill(self, node: str) -> None:
        """Let a node die in the middle of its jobs: its daemon and all that it started are gone at once."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        _kill(self._steps(node))
        daemon.wait()
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=died"], check=True, timeout=60)

    def stop(self) -> None:
        """End the daemons in turn, then what jobs may be left, and take the settings away."""
        if "slurmctld" in self.daemons:
            with contextlib.suppress(subprocess.SubprocessError):
                subprocess.run(["scancel", "--user=root"], capture_output=True, timeout=30)
        left = [process for node in NODES for process in self._steps(node)]
        for name in reversed(list(self.daemons)):
            _end(self.daemons.pop(name))
        _kill(left)
        for path in self.settings:
            path.unlink(missing_ok=True)

    def log(self) -> str:
        """The last words of every daemon."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-2000:]}" for path in sorted(self.folder.glob("*.log")))

    @property
    def socket(self) -> Path:
        """Where munged answers."""
        return self.folder / "munge" / "socket"

    def _daemon(self, program: str, *words: str, name: str = "") -> None:
        """Start a daemon in the foreground, so that it is ours to end."""
        path = f"{os.environ['PATH']}:/usr/sbin"
        with (self.folder / f"{name or program}.log").open("ab") as log:
            self.daemons[name or program] = subprocess.Popen(
                [str(shutil.which(program, path=path)), *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def _database(self) -> None:
        data, pipe = self.folder / "data", self.folder / "mariadb"
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}"]
        subprocess.run(install, check=True, capture_output=True, timeout=PATIENCE)
        orders = self.folder / "orders.sql"
        orders.write_text(
            f"CREATE DATABASE slurm;\nCREATE USER slurm@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON slurm.* TO slurm@'127.0.0.1';\n"
        )
        self._daemon(
            "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={pipe}",
            f"--pid-file={self.folder / 'mariadb.pid'}", "--bind-address=127.0.0.1", f"--port={self.ports['database']}",
            "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
            f"--init-file={orders}",
        )  # fmt: skip
        _wait(lambda: _listens(self.ports["database"]), "mariadbd listens")

    def _steps(self, node: str) -> list[int]:
        """Process ids of the job steps of a node and of all that they started: each step has a socket, by its job."""
        jobs = {path.name.split("_")[1].split(".")[0] for path in (self.folder / "spool" / node).glob(f"{node}_*.*")}
        parents = _parents()
        marks = tuple(f"slurmstepd: [{job}." for job in jobs)
        found = {process for process, (_, words) in parents.items() if marks and words.startswith(marks)}
        while grown := {process for process, (parent, _) in parents.items() if parent in found} - found:
            found |= grown
        return sorted(found)

    def _slurm_conf(self) -> str:
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={self.ports[node]}"
            f" CPUs={CPUS} RealMemory={MEMORY} State=UNKNOWN"
            for node in NODES
        )
        return f"""ClusterName=balanza
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={self.socket}
CredType=cred/munge
SlurmctldPort={self.ports["control"]}
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
EnforcePartLimits=ALL
MinJobAge=600
SlurmdTimeout=30
ReturnToService=2
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_min_interval=500000,bf_interval=3
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePass={self.socket}
AccountingStoragePort={self.ports["accounts"]}
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=UNLIMITED State=UP
"""

    def _slurmdbd_conf(self) -> str:
        return f"""AuthType=auth/munge
AuthInfo=socket={self.socket}
DbdHost=localhost
DbdPort={self.ports["accounts"]}
SlurmUser=root
PidFile={self.folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={self.ports["database"]}
StorageUser=slurm
StoragePass={self.password}
StorageLoc=slurm
"""


def _parents() -> dict[int, tuple[int, str]]:
    """The parent and the command line of every process."""
    told = subprocess.run(["ps", "-e", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 2) for line in told.stdout.splitlines())
    return {int(pid): (int(parent), words) for pid, parent, words in rows}


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _succeeds(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, timeout=PATIENCE).returncode == 0


def _wait(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE:g} s in vain until {what}")
        time.sleep(0.2)


def _kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    if reason := missing():
        raise SystemExit(reason)
    with slurm():
        raise SystemExit(subprocess.run(sys.argv[1:]).returncode)
