"""A seeded channel with known truth: for tests, documentation, demonstrations and benchmarks.

It shares no line with the models and detectors that are judged on it, and imports nothing
of Qudao but the canonical tables and the errors.

>>> channel = simulate(World(dealers=3, products=2, months=12))
>>> sorted(channel.truth)[:3]
['clauses', 'demand', 'diversions']
"""

from features.simulator.channel import Channel, simulate
from features.simulator.world import ImpossibleWorld, World, sample_world, story_world

__all__ = ["Channel", "ImpossibleWorld", "World", "sample_world", "simulate", "story_world"]
