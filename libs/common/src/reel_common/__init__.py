"""What all services of Reelwright share: the domain, its messages, the ports, the ledger and the worker.

Layers, each importing only those to its right (held by import-linter)::

    testing -> adapters -> worker -> ledger -> ports -> messages -> domain -> errors
"""
