"""A comparison from outside: a unit against its nearest peer alone."""

from its_eval.comparisons.base import Comparison


class NearestPeer(Comparison, frozen=True):
    def peers(self, plan, unit):
        return super().peers(plan, unit)[:1]


NEAREST_PEER = NearestPeer(
    "nearest_peer",
    in_words=("its nearest peer", "their nearest peers"),
    subtracts=True,
)
