"""A contract model that is learned in seconds: few folds, no public clauses."""

from functools import cache

import pandas as pd

from features.industries import industry
from models.contract.model import ContractModel
from models.contract.wording import Wording
from training.clauses import read_corpus, read_data
from training.recipes.contract import Config, learn

MOMENT = pd.Timestamp("2026-01-01")


@cache
def small_model():
    config = Config(folds=2, public_clauses=0)
    readers = {}
    for language in ("zh", "en"):
        clauses = read_corpus(language)
        readers[language] = learn(clauses, clauses.iloc[:0], language, config)
    return ContractModel(Wording.parse(read_data("wording")), industry()).fit(readers, MOMENT)
