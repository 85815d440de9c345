"""Price: which price, inside which corridor?"""
