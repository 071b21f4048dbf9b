import os
import subprocess
import sys

from workers import identity

ASK = "from workers import identity; print(identity.own().name('w'))"


def test_a_process_keeps_its_name():
    assert identity.own().name("w") == identity.own().name("w")


def test_another_process_has_another_name():
    said = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("w-")
    assert said.stdout.strip() != identity.own().name("w")


def test_the_same_pid_at_another_time_is_another_process():
    mine = identity.own()
    later = identity.Identity(mine.host, mine.pid, "another boot 1")
    assert later.name("w") != mine.name("w")


def test_a_forked_child_has_a_name_of_its_own():
    mine = identity.own().name("w")
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writer, identity.own().name("w").encode())
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 100).decode() != mine
    os.close(reader)
    os.close(writer)
