"""The command line: ``clvsim validate``, ``run``, ``compare``, ``fit``, ``verify``, ``schema``."""

import atexit
import gc
import os
import sys
import warnings


def main() -> None:
    """The console script ``clvsim``.

    Exits with 0 where all is well, 1 where the run failed, 2 where the input is wrong, and 130 or
    143 where Ctrl-C or SIGTERM ended it. Nothing heavy is imported before a command needs it.
    """
    from clvsim.signals import leave_at_once

    leave_at_once()
    from clvsim.cli.app import app
    from clvsim.cli.guard import is_debugging, quietly

    # Nothing here is linear algebra of a size that threads help, and idle ones spin: a fit of a
    # retention table takes 5 ms instead of up to 270. Must be said before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Modules, models and datasets are many objects and hardly any of them garbage: looking for it
    # every 700 new ones took 0.4 s of 4.5 (median of eleven pairs).
    gc.set_threshold(100_000, 20, 20)
    # Nobody waits for a million objects to be taken apart one by one: 0.5 s at the end.
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal without a sign for ± still gets the numbers.
            stream.reconfigure(errors="replace")
    if not sys.warnoptions and not is_debugging():
        warnings.simplefilter("ignore")
    quietly(lambda: app(prog_name="clvsim"))
