"""Tune: options of the boosted trees, searched where no judgement will fall.

Each trial fits the trees at cutoffs that lie before every cutoff of the coming backtest and
counts their WAPE there; Optuna's TPE proposes the next. The settings in use are the first
trial, so the answer is never worse there than what we had.

Source: Bergstra et al. (2011), Algorithms for hyper-parameter optimization (TPE).
Limits: tunes the trees alone; a network's noise between seeds is larger than most of its options.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from features.panel import Panel
from models.demand.boosted import Boosted
from models.metrics import wape
from training.progress import Tick, silent
from training.settings import DemandConfig
from training.split import rolling


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The settings found, and their WAPE against that of the settings before."""

    config: DemandConfig
    wape: float
    wape_before: float

    def __str__(self) -> str:
        return f"Tuned on earlier cutoffs: WAPE {self.wape:.1%}, before {self.wape_before:.1%}."


def tune(
    panel: Panel, horizon: int, config: DemandConfig, *, trials: int, windows: int = 2, tick: Tick = silent
) -> Tuned:
    """Search `trials` settings on `windows` cutoffs of a panel that ends before the backtest."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    before = dict(config.boosted)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=config.seed))
    study.enqueue_trial({k: v for k, v in before.items() if k in _RANGES})
    cuts = rolling(panel.t, horizon=horizon, windows=windows, least=horizon + 4)

    def objective(trial: optuna.Trial) -> float:
        tick(f"trial {trial.number + 1}")
        options = before | _proposal(trial)
        return _judged(panel, horizon, cuts, Boosted(country=config.country, seed=config.seed, **options))

    study.optimize(objective, n_trials=trials)
    found = before | study.best_params
    return Tuned(
        config=config.model_copy(update={"boosted": found}),
        wape=float(study.best_value),
        wape_before=float(study.trials[0].values[0]),
    )


_RANGES = ("learning_rate", "leaves", "min_rows", "power", "column_share", "l2")


def _proposal(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "leaves": trial.suggest_int("leaves", 7, 63, log=True),
        "min_rows": trial.suggest_int("min_rows", 10, 200, log=True),
        "power": trial.suggest_float("power", 1.05, 1.7),
        "column_share": trial.suggest_float("column_share", 0.2, 0.9),
        "l2": trial.suggest_float("l2", 0.1, 100.0, log=True),
    }


def _judged(panel: Panel, horizon: int, cuts: list[int], trees: Boosted) -> float:
    truths, forecasts = [], []
    for t in cuts:
        seen = panel.at(t, ahead=horizon)
        forecasts.append(trees.fit(seen, horizon).predict(seen.carry_plans(horizon)))
        truths.append(panel.y[:, t : t + horizon])
    return wape(np.concatenate(truths), np.concatenate(forecasts))
