"""job.py - what is asked of a system: a profile with its numbers."""
from dataclasses import dataclass

from .rules import Rules

BULK_BYTES = 1 << 20
SMALL_BYTES = 64

# Profiles that wrk can play over kernel interfaces; penstock-bench plays all.
WIRE_PROFILES = ("keep-alive", "close", "bulk-down", "bulk-up")
PROFILES = (*WIRE_PROFILES, "mixed", "slow", "idle", "syn-flood")


@dataclass(frozen=True)
class Job:
    profile: str
    conns: int
    seconds: float
    warmup: float
    rate: float = 0  # requests a second; 0: as fast as answers come
    body: int = 0  # bytes; 0: the profile's own
    flood: float = 0  # of syn-flood: SYNs a second; 0: as many as go
    work: float = 0  # ns that ideal-proxy takes for a request
    rules: Rules | None = None  # that every system has; None: none

    @property
    def is_bulk(self):
        return self.profile.startswith("bulk")

    @property
    def body_bytes(self):
        return self.body or (BULK_BYTES if self.is_bulk else SMALL_BYTES)


def usual_conns(profile):
    return 16 if profile.startswith("bulk") else 64
