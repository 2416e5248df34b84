"""The warden: a tiny process between the runner and a program, that starts it within its bounds and outlives neither.

It is a process of its own because limits are set between fork and exec, which a process with threads may not do safely,
and because it must notice the death of the runner. It runs on the standard library alone, without site-packages.
"""
