"""How fast a published benchmark is read: `python benchmarks/read_published.py FOLDER` prints a Markdown table.

FOLDER holds the unpacked annotations, SSv2-Split and FineGym-Split. Of each part the benchmark is opened and every
clip of every set of every split is read, in a process of its own, because only so the peak of its memory can be told.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

MEASURE = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
begin = time.perf_counter()
import pandas
ready, used = time.perf_counter(), time.process_time()
from catsplit.benchmark import Benchmark
bench = Benchmark.open(sys.argv[1], sys.argv[2])
tables = [bench.clips("train"), bench.clips("val")]
clips = sum(map(len, tables))
for split in bench.splits:
    for table in (bench.ft_set, bench.equivalent_set, bench.unrelated_set):
        clips += len(table(split.coarse))
seconds, used = time.perf_counter() - ready, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([len(bench.splits), clips, ready - begin, seconds, used, peak / 1e6]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds SSv2-Split and FineGym-Split")
    parser.add_argument("--runs", type=int, default=3, help="the fastest counts (default 3)")
    arguments = parser.parse_args()
    print("| part | splits | lines read | import of pandas | reading | processor time of it | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for scheme in sorted(arguments.folder.glob("*/group_scheme.json")):
        for part in ("A", "B"):
            command = [sys.executable, "-c", MEASURE, str(scheme.parent), part]
            runs = [json.loads(subprocess.check_output(command, text=True)) for _ in range(arguments.runs)]
            splits, clips, pandas, seconds, used, peak = min(runs, key=lambda run: run[3])
            print(
                f"| {scheme.parent.name} {part} | {splits} | {clips:,} | {pandas:.2f} s | {seconds:.2f} s "
                f"| {used:.2f} s | {peak:.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
