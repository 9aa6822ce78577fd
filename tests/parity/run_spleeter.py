"""Separate with the spleeter package, in its own environment.

run_spleeter.py CONFIG INPUT OUT.npz [--mwf]    write the stems
run_spleeter.py CONFIG INPUT --again            print how long a second file takes in one process
"""

import json
import sys
import tempfile
import time

import numpy as np
from spleeter.audio.adapter import AudioAdapter
from spleeter.separator import Separator


def main():
    separator = Separator("spleeter:" + sys.argv[1], MWF="--mwf" in sys.argv, multiprocess=False)
    if "--again" in sys.argv:
        folder = tempfile.mkdtemp()
        separator.separate_to_file(sys.argv[2], folder, synchronous=True)
        started = time.perf_counter()
        separator.separate_to_file(sys.argv[2], folder, synchronous=True)
        print(json.dumps({"again_s": time.perf_counter() - started}))
        return
    y, _ = AudioAdapter.default().load(sys.argv[2], sample_rate=44100)
    np.savez(sys.argv[3], **separator.separate(y))


if __name__ == "__main__":
    main()
