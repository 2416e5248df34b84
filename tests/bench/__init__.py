"""`python -m tests.bench`: how fast the flow is, beside others on the same servers, and what an idle service weighs.

Every measurement is a process of its own that prints one line of JSON; ours and the peers' take turns, run by run, so
that a machine that gets slower or faster does so for all of them. Figures are medians over the runs.
"""
