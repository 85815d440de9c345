"""Rebate: what a ladder pays, which tier a dealer will reach, and what that costs."""
