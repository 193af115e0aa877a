"""Child processes end with their parent, with and without support of the kernel."""

import signal
import subprocess
import sys

import pytest

from local_postgres import parent_death_signal


def test_child_without_kernel_support_is_ended_by_watcher():
    parent, child = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    watcher = parent_death_signal.start_watcher(parent.pid, child.pid, signal.SIGTERM)

    parent.kill()
    parent.wait()

    assert child.wait(timeout=5) == -signal.SIGTERM
    assert watcher.wait(timeout=5) is not None


def test_watcher_ends_with_its_child():
    parent, child = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    watcher = parent_death_signal.start_watcher(parent.pid, child.pid, signal.SIGTERM)

    child.kill()
    child.wait()

    assert watcher.wait(timeout=5) is not None
    assert parent.poll() is None
    parent.kill()
    parent.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl(2) of Linux")
def test_child_of_dead_parent_ends_at_once():
    code = (
        "from local_postgres import parent_death_signal; import signal; "
        "parent_death_signal.request_parent_death_signal(1, signal.SIGTERM); print('still here')"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
