"""`make bench`: prints the table of ratios and writes benchmarks/results.json.

The server runs on one core and the load on the other; every figure stands beside a floor of the same run.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

from benchmarks import acks, phones, replicas, search, syncing
from benchmarks.served import LAST_CORE

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measures, prints, writes."""
    found = []
    for part in (acks, syncing, search, phones, replicas):
        # For each anew: the sync takes all cores for its processes.
        os.sched_setaffinity(0, {LAST_CORE})
        found += part.lines()
    print()
    for line in found:
        print(line)
    RESULTS.write_text(json.dumps([asdict(line) for line in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
