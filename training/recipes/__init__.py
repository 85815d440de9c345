"""Recipes: one room each, read from top to bottom."""
