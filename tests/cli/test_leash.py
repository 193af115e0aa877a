"""What must not outlive its parent does not, with the kernel's help and without."""

import signal
import subprocess
import sys

import pytest

from backend.cli import leash


def test_without_the_kernels_help_a_watcher_ends_the_child():
    parent, child = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    watcher = leash.start_watcher(parent.pid, child.pid, signal.SIGTERM)

    parent.kill()
    parent.wait()

    assert child.wait(timeout=5) == -signal.SIGTERM
    assert watcher.wait(timeout=5) is not None


def test_a_watcher_leaves_when_the_child_has_ended():
    parent, child = (subprocess.Popen(["sleep", "60"]) for _ in range(2))
    watcher = leash.start_watcher(parent.pid, child.pid, signal.SIGTERM)

    child.kill()
    child.wait()

    assert watcher.wait(timeout=5) is not None
    assert parent.poll() is None
    parent.kill()
    parent.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows the wish")
def test_a_child_whose_parent_died_before_the_wish_ends_at_once():
    code = "from backend.cli import leash; import signal; leash.follow(1, signal.SIGTERM); print('still here')"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
