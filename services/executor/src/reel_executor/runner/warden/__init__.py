"""The warden: a tiny process between the runner and a program, that starts it within its bounds and outlives neither.

It is a process of its own because limits are set between fork and exec, which a process with threads may not do safely,
and because it must notice the death of the runner. It runs without site-packages and imports next to nothing: one is
started for every program, and ``pathlib``, ``dataclasses``, ``json`` and ``typing`` took three times as long as the rest.
"""
