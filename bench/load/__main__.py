"""`python -m bench.load`: one job in JSON on stdin, its answer in JSON on stdout."""

from __future__ import annotations

import sys

import msgspec
import uvloop

from bench.load import connecting, flow
from bench.load.jobs import Answer, Connects, FanOut, Idle, Job, Paced, Storm, Writers


async def run(job: Job) -> Answer:
    match job:
        case FanOut():
            return await flow.fan_out(job)
        case Writers():
            return await flow.writers(job)
        case Paced():
            return await flow.paced(job)
        case Connects():
            return await connecting.connects(job)
        case Idle():
            return await connecting.idle(job)
        case Storm():
            return await connecting.storm(job)


def main() -> None:
    job: Job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(job))))


if __name__ == "__main__":
    main()
