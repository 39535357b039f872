"""Runs the program and notes what it must not do: call guarded.py REPORT ALLOWED_FOLDER ARGUMENT...

Looked for with an audit hook, which nothing in the process can take off: connections and look-ups of names,
unpickling, and files opened for writing or made outside the allowed folder.
"""

import json
import os
import sys
from pathlib import Path

NETWORK = {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"}
#: Making folders, moving and removing; where the path stands among the arguments.
CHANGES = {"os.mkdir": 0, "os.remove": 0, "os.rmdir": 0, "os.rename": 1, "os.symlink": 1, "os.link": 1}


def main():
    report, allowed = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    found = {"network": [], "pickle": [], "outside": []}
    opened = os.open(report, os.O_WRONLY | os.O_CREAT)

    def outside(path):
        if isinstance(path, int) or str(path) == os.devnull:
            return False
        place = Path(os.fsdecode(path)).resolve()
        # compiled modules and the font list of Matplotlib are caches, no results
        cached = "__pycache__" in place.parts or "matplotlib" in place.parts
        return not cached and not place.is_relative_to(allowed)

    def watch(event, arguments):
        if event in NETWORK:
            found["network"].append(repr(arguments))
            raise PermissionError(event)
        if event == "pickle.find_class":
            found["pickle"].append(repr(arguments))
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            if outside(arguments[0]):
                found["outside"].append(str(arguments[0]))
        elif event in CHANGES and outside(arguments[CHANGES[event]]):
            found["outside"].append(f"{event} {arguments[CHANGES[event]]}")

    from its_eval.cli import app

    sys.argv = ["its-eval", *sys.argv[3:]]
    sys.addaudithook(watch)
    try:
        app.main()
    finally:
        os.write(opened, json.dumps(found).encode())


if __name__ == "__main__":
    main()
