# SPDX-License-Identifier: Apache-2.0
"""What the machine took: seconds in which it ran nothing of ours.

A bound of a test is about the daemon. Where the machine is shared, all of it
stands still now and then, and nobody keeps a bound meanwhile: what a thread
that only sleeps slept too long is not counted. The time of a test is told by
elapsed() and gap() instead of the clock.
"""

import threading
import time

STEP_S = 0.01
LATE_S = 0.03  # less can be threads of ours that wait for each other
MOST_S = 20.0  # what is taken from one measurement at most


class Clock:
    """Tells when the machine stood still, from its making on."""

    def __init__(self):
        self._lock = threading.Lock()
        self._pauses = []  # (begin, end)
        self._last = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            time.sleep(STEP_S)
            now = time.monotonic()
            with self._lock:
                if self._is_late(now):
                    self._pauses.append((self._last + STEP_S, now))
                self._last = now

    def _is_late(self, now):
        return now - self._last - STEP_S > LATE_S

    def lost(self, begin, end):
        """Seconds between the two in which it stood still."""
        with self._lock:
            now = time.monotonic()
            current = [(self._last + STEP_S, now)] * self._is_late(now)
            took = 0.0
            for a, b in reversed(self._pauses):
                if b <= begin:
                    break
                took += max(0, min(b, end) - max(a, begin))
            for a, b in current:
                took += max(0, min(b, end) - max(a, begin))
        return min(took, MOST_S)


_clock = Clock()


def lost(begin, end=None):
    """Of the time since @begin (of time.monotonic()) what the machine took."""
    return _clock.lost(begin, time.monotonic() if end is None else end)


def elapsed(begin):
    """Seconds since @begin that the machine was there."""
    return time.monotonic() - begin - lost(begin)


def rest(seconds):
    """Sleeps so long that others had their time, too."""
    begin = time.monotonic()
    while True:
        left = seconds - elapsed(begin)
        if left <= 0:
            return
        time.sleep(left)


def share(seconds=0.5):
    """What part of a processor one who is busy gets just now: pieces of the
    same work take as long as the shortest of them, or others were in between.
    Pauses of the whole machine are not in it."""
    begin = time.monotonic()
    pieces = [begin]
    while pieces[-1] - begin < seconds:
        for _ in range(5000):
            pass
        pieces.append(time.monotonic())
    shortest = min(b - a for a, b in zip(pieces, pieces[1:]))
    took = pieces[-1] - begin - lost(begin, pieces[-1])
    return min(1.0, shortest * (len(pieces) - 1) / took)


def gap(times, end=None):
    """The longest time between two moments that follow each other (the last
    one is @end), without what the machine took; infinite if there are none."""
    times = sorted(times)
    if not times:
        return float("inf")
    if end is not None:
        times.append(max(end, times[-1]))
    return max((b - a - lost(a, b) for a, b in zip(times, times[1:])),
               default=0.0)
