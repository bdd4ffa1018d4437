"""Lucky numbers: the n-th one of a range, without a look at those that were given out.

A batch counts what it has taken (`lucky_taken`), under its lock. Drawn numbers are a permutation of the range
that the batch's seed decides, so none comes twice, none is left out, and the next one costs the same whether
ten or ten million are gone.
"""

from hashlib import blake2b
from typing import Final

from invitations.choices import LuckyMode
from invitations.models import InvitationBatch

RANGE_EXHAUSTED: Final = "range_exhausted"
# Modes in which a batch hands numbers out; each is taken for ever.
COUNTED: Final = (LuckyMode.SEQUENTIAL, LuckyMode.RANDOM)

# Even a range of two or three is well mixed by so many.
_ROUNDS: Final = 8


def size(batch: InvitationBatch) -> int:
    """Return how many numbers the batch's range has."""
    return batch.lucky_last - batch.lucky_first + 1


def text(batch: InvitationBatch, serial: int) -> str | None:
    """Return the number of a serial (0 is the first), as it is printed; None when the range has no more."""
    if serial >= size(batch):
        return None
    place = serial
    if batch.lucky_mode == LuckyMode.RANDOM:
        place = permuted(serial, size(batch), batch.lucky_seed)
    return str(batch.lucky_first + place).zfill(batch.lucky_digits)


def permuted(place: int, count: int, seed: int) -> int:
    """Return where a place below `count` goes in the permutation that the seed decides.

    A Feistel network over the next even number of bits; what falls outside goes through it again ("cycle
    walking"), less than four times on average.
    """
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    key = seed.to_bytes(8, "big", signed=True)
    while True:
        place = _mixed(place, half, key)
        if place < count:
            return place


def _mixed(value: int, half: int, key: bytes) -> int:
    mask = (1 << half) - 1
    left, right = value >> half, value & mask
    for round_ in range(_ROUNDS):
        digest = blake2b(right.to_bytes(4, "big"), digest_size=4, key=key, salt=bytes([round_])).digest()
        left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
    return left << half | right
