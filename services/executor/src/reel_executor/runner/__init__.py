"""The runner: the one process that starts programs, and what it is made of.

A small process beside executor, composer and ingest. It alone may reach a container engine; it holds no key and no
password, and takes nothing but programs over inputs that it knows by digest. Importing it needs none of the engines.
"""
