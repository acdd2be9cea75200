"""What Python's pools of processes take: `pools.py Python|loky WORKERS`.

Reads a work and a number of items from each line, does that, and prints how many nanoseconds it took, by its own clock.
Ends when there are no more lines.
"""

import sys
import time


def trivial(number):
    return number


def times_three(number):
    return 3 * number


def one_by_one(pool, items):
    return sum(pool.submit(trivial, number).result() for number in range(items))


def in_bulk(pool, items):
    futures = [pool.submit(trivial, number) for number in range(items)]
    return sum(future.result() for future in futures)


def mapped(pool, items):
    # By default it sends items one by one; a few chunks for each worker are the fastest that there is.
    return sum(pool.map(times_three, range(items), chunksize=max(1, items // 16)))


def make_pool(kind, workers):
    if kind == "loky":
        import loky

        return loky.ProcessPoolExecutor(max_workers=workers)
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(max_workers=workers)


def timed(work, items, expected):
    start = time.perf_counter_ns()
    result = work(items)
    taken = time.perf_counter_ns() - start
    if result != expected:
        sys.exit(f"{result} was computed instead of {expected}")
    return taken


def first_results(kind, workers, items):
    """From making a pool to its first result; not to its end."""
    taken = 0
    for _ in range(items):
        start = time.perf_counter_ns()
        pool = make_pool(kind, workers)
        pool.submit(trivial, 1).result()
        taken += time.perf_counter_ns() - start
        pool.shutdown()
    return taken


def main():
    kind, workers = sys.argv[1], int(sys.argv[2])
    try:
        pool = make_pool(kind, workers)
    except ImportError:
        print("missing", flush=True)
        return
    print("ready", flush=True)
    with pool:
        for line in sys.stdin:
            name, count = line.split()
            items = int(count)
            below = items * (items - 1) // 2
            if name == "one_by_one":
                taken = timed(lambda n: one_by_one(pool, n), items, below)
            elif name == "in_bulk":
                taken = timed(lambda n: in_bulk(pool, n), items, below)
            elif name == "map":
                taken = timed(lambda n: mapped(pool, n), items, 3 * below)
            elif name == "first_result":
                taken = first_results(kind, workers, items)
            else:
                sys.exit(f"there is no work {name}")
            print(taken, flush=True)


if __name__ == "__main__":
    main()
