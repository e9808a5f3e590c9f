"""What the product measures about itself: `scripts/bench`, or `python -m bench [--quick] [NAME ...]`.

Each measurement runs the server as a process of its own and stands beside a bare reference taken in the same run: the agent without a
server, or the upstream's stream relayed by a minimal application. Read ratios and CPU seconds; times move with the machine's load.
"""
