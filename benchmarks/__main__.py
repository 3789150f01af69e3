"""`make bench`: prints the table of ratios and writes benchmarks/results.json; a part alone with its name behind.

The server runs on one core and the load on the other; every figure stands beside a floor of the same run.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Final

from benchmarks import acks, phones, replicas, search, syncing
from benchmarks.served import LAST_CORE

PARTS: Final[Mapping[str, ModuleType]] = {
    part.__name__.rpartition(".")[2]: part for part in (acks, syncing, search, phones, replicas)
}
RESULTS = Path(__file__).parent / "results.json"


def main(names: Sequence[str]) -> None:
    """Measures, prints and, when nothing was left out, writes."""
    found = []
    for name in names or PARTS:
        # For each anew: the sync takes all cores for its processes.
        os.sched_setaffinity(0, {LAST_CORE})
        found += PARTS[name].lines()
    print()
    for line in found:
        print(line)
    if not names:
        RESULTS.write_text(json.dumps([asdict(line) for line in found], indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
