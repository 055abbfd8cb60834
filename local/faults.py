"""The options that make the event player's deliveries as bad as Event Grid's may be."""

import argparse


def add_faults(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("faults of the event player")
    group.add_argument("--duplicate", action="store_true", help="deliver every event twice")
    group.add_argument("--shuffle", action="store_true", help="deliver events in any order")
    group.add_argument("--drop", dest="drop_rate", type=float, default=0.0, help="share of events that are lost")
    group.add_argument("--seed", type=int, default=0, help="the same seed makes the same faults")
