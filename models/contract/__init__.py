"""Contracts: which clauses a dealer contract holds, and which of them put the brand at risk."""
