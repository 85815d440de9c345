"""Designs: which n-grams each learner of the room looks at.

Chosen on the training clauses by leaving out one style of writing after the other (zh, en), and on the
training contracts of the public English set by folds of contracts; never on what is reported.

>>> sorted(TYPE_BLOCKS), sorted(RISK_BLOCKS)
(['en', 'zh'], ['en', 'zh'])
"""

from models.contract.blocks import Block

Blocks = tuple[Block, ...]

TYPE_BLOCKS: dict[str, Blocks] = {
    "zh": (
        Block("cast", "char", 1, 2),
        Block("plain", "char", 1, 2, 0.3),
        Block("opening", "char", 1, 2, 0.25),
        Block("title", "char", 1, 3, 0.6),
    ),
    "en": (
        Block("cast", "word", 1, 2, 0.8),
        Block("cast", "char_wb", 2, 4, 0.6, 3),
        Block("opening", "word", 1, 2, 0.3),
        Block("title", "word", 1, 1, 0.5),
    ),
}
WIDE_BLOCKS: dict[str, Blocks] = {"zh": (Block("plain", "char", 1, 4),), "en": ()}
RISK_BLOCKS: dict[str, Blocks] = {
    "zh": (Block("cast", "char", 1, 4),),
    "en": (Block("cast", "word", 1, 3), Block("cast", "char_wb", 3, 5, 0.5, 3)),
}
CATEGORY_BLOCKS: Blocks = (Block("plain", "word", 1, 3), Block("plain", "char_wb", 3, 5, 1.0, 3))
PARAGRAPH_BLOCKS: Blocks = (Block("plain", "word", 1, 3),)
