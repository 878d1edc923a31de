"""rig - what bench/run is made of: a stage with wires, the systems on it, accounts and results."""
import os
import sys

# The wire tests' lab: namespaces, processes and their undoing.
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests",
                                "wire"))
