# SPDX-License-Identifier: MIT
"""slow.py NETNS-A TAP-A NETNS-B TAP-B DELAY-MS KBIT-S -- a slow wire.

Carries frames between two TAP devices in two network namespaces, each way
DELAY-MS late and no faster than KBIT-S (0: no limit).  Prints "ready" when
both are open.
"""
import collections
import ctypes
import fcntl
import os
import selectors
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
MOST_WAITING = 1000  # frames; a wire drops what its queue cannot hold


def open_tap(netns: str, name: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(netns, encoding="ascii") as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                           IFF_TAP | IFF_NO_PI))
    return fd


class Way:
    """One direction: frames with the time at which they arrive."""

    def __init__(self, source: int, target: int, delay: float, rate: float):
        self.source, self.target = source, target
        self.delay, self.rate = delay, rate
        self.free_at = 0.0
        self.waiting: collections.deque = collections.deque()

    def take(self) -> None:
        while True:
            try:
                frame = os.read(self.source, 65536)
            except (BlockingIOError, OSError):
                return
            if len(self.waiting) >= MOST_WAITING:
                continue
            now = time.monotonic()
            self.free_at = max(now, self.free_at)
            if self.rate:
                self.free_at += len(frame) * 8 / self.rate
            self.waiting.append((self.free_at + self.delay, frame))

    def give(self) -> None:
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.target, self.waiting.popleft()[1])
            except OSError:  # the device is down: the frame is lost
                pass


def main() -> None:
    a, b = open_tap(*sys.argv[1:3]), open_tap(*sys.argv[3:5])
    delay, rate = float(sys.argv[5]) / 1e3, float(sys.argv[6]) * 1e3
    ways = {a: Way(a, b, delay, rate), b: Way(b, a, delay, rate)}
    selector = selectors.DefaultSelector()
    for fd in ways:
        selector.register(fd, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        due = [w.waiting[0][0] for w in ways.values() if w.waiting]
        timeout = max(0, min(due) - time.monotonic()) if due else None
        for key, _ in selector.select(timeout):
            ways[key.fd].take()
        for way in ways.values():
            way.give()


main()
