"""The planner's grammar: from a request in English to what it asks for, or to the words that it does not understand."""

from reel_planner.grammar.request import Asked, Part, PartKind, Reading, read_request, understand

__all__ = ["Asked", "Part", "PartKind", "Reading", "read_request", "understand"]
