"""How the process of the program is set up."""

import gc
import os

from its_eval.cli.system import ONE_THREAD, YOUNG_OBJECTS, set_up_interpreter


def test_linear_algebra_keeps_to_one_thread_unless_the_caller_chose(monkeypatch):
    before = gc.get_threshold()
    monkeypatch.setenv(ONE_THREAD[0], "4")
    for name in ONE_THREAD[1:]:
        monkeypatch.delenv(name, raising=False)
    try:
        set_up_interpreter()
        assert [os.environ[name] for name in ONE_THREAD] == ["4", "1", "1"]
        assert gc.get_threshold()[0] == YOUNG_OBJECTS
    finally:
        gc.set_threshold(*before)
