"""How much will this dealer sell of this product in the next months: members and their stack."""
