"""Find the best picture that fits into a number of bytes.

First by step (quality, colours): a cheap estimate says where to look, each real encode corrects the estimate.
Then, if what fits is too unlike the original, by scale.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SCALE_STEP = 0.85
MIN_SCALE = 0.25
# A picture whose longer side has less is not shrunk to that.
MIN_SIDE = 32
AIM = 0.988
# Bytes left over that are not worth another encode.
SLACK = 0.025
TRIES, FEW_TRIES = 5, 2
HOPELESS = 1.4


@dataclass(frozen=True, slots=True)
class Encoded:
    """One encode: its step, what came out."""

    step: int
    content: bytes


def largest(
    steps: Sequence[int],
    *,
    limit: int,
    estimate: Callable[[int], float],
    refine: Callable[[int], float],
    encode: Callable[[int], bytes],
    tries: int = TRIES,
    hopeless: float = HOPELESS,
) -> tuple[Encoded | None, Encoded | None]:
    """Return the highest step found whose encode fits, and the smallest encode if none does.

    `estimate` is cheap, `refine` less so and closer to what `encode` returns; all ascend with the steps. If
    even the lowest step seems `hopeless` times too long nothing is encoded.
    """
    low, high = -1, len(steps)
    # Aim a little lower than allowed: a first encode that fits is mostly the only one.
    place = max(0, _highest(low, high, limit, lambda place: estimate(steps[place])))
    refined = refine(steps[place])
    if place == 0 and refined > limit * hopeless:
        return None, None
    factor = refined / max(1.0, estimate(steps[place])) / AIM
    best: Encoded | None = None
    smallest: Encoded | None = None
    for _ in range(tries):
        place = _highest(low, high, limit / factor, lambda place: estimate(steps[place]))
        if place == low:
            # What comes next seems too long. A better estimate may differ; of the first, only its encode.
            if best and (
                len(best.content) > limit * (1 - 2 * SLACK)
                or refine(steps[low + 1]) / refine(steps[low]) * len(best.content) > limit
            ):
                break
            place = low + 1
        made = Encoded(steps[place], encode(steps[place]))
        factor = len(made.content) / max(1.0, estimate(made.step))
        if len(made.content) <= limit:
            low, best = place, made
        else:
            high = place
            smallest = min(smallest or made, made, key=lambda each: len(each.content))
        if high - low <= 1 or (best and len(best.content) > limit * (1 - SLACK)):
            break
    return best, None if best else smallest


def _highest(low: int, high: int, most: float, estimate: Callable[[int], float]) -> int:
    """Return the highest place between both ends whose estimate is no more; the low end if there is none.

    Lengths grow about as powers do. Once both sides are known that says where to look, in fewer looks
    than by halving; every third time it halves all the same, lest one side creeps.
    """
    below, above, looks = 0.0, 0.0, 0
    while high - low > 1:
        place = (low + high) // 2
        looks += 1
        if 0 < below < above and looks % 3:
            share = math.log(most / below) / math.log(above / below)
            place = min(high - 1, max(low + 1, round(low + share * (high - low))))
        length = estimate(place)
        if length <= most:
            low, below = place, length
        else:
            high, above = place, length
    return low


def next_scale(scale: float, *, limit: int, length: float | None) -> float:
    """Return the next scale to try; `length` is what this scale takes at least, None if something fitted."""
    factor = SCALE_STEP if length is None else min(SCALE_STEP, (limit / length) ** 0.5)
    return round(max(MIN_SCALE, scale * factor), 3)
