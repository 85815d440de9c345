"""Peers of the demand room: what others' libraries say of the same panel at the same cutoffs.

In:   a panel cut at the moment of forecasting, plans carried to the horizon.
Out:  means [n, h] and, where the peer gives them, quantiles; units, clipped at 0; user CPU seconds of
      fit and forecast, one thread (importing and compiling are not counted: a small first call).

lightgbm, lightgbm_direct   mlforecast; Tweedie on units over the series' mean, rows weighted by it; lags,
                            rolling means, month, the keys as categories, plans as they are
lightgbm_log_l1             the same on log(1 + units) with absolute loss
auto_ets, theta, holt_winters, imapa, tsb, croston_sba, adida   statsforecast; ets_theta: mean of two
lstm                        neuralforecast, 300 steps, quantile loss, mean = median
seasonal_naive              statsforecast

Gaps take the last value before them; in the trees' training such rows have no weight. Intervals are
each library's own (lightgbm: conformal, 2 windows, charged to it).
Limits: sensible settings, none tuned on the judged windows; a better one may exist.
"""

import contextlib
import importlib.util
import io
import logging
import pickle
import resource
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel, carry_forward

Array = NDArray[np.float64]
BANDS = (50, 80, 90, 95)
_FEW = 4  # series of the first, uncounted call


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Means [n, h], quantiles by column name ([n, h] each), and what they cost."""

    mean: Array
    quantiles: Mapping[str, Array] = field(default_factory=dict)
    user_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A panel in the peers' long form."""

    panel: Panel
    horizon: int
    history: pd.DataFrame  # unique_id, ds, y, on_record
    plans: pd.DataFrame  # unique_id, ds, one column a plan, past and ahead

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> "Asked":
        """From the panel at the moment of forecasting."""
        ready = panel.carry_plans(horizon)
        ids, days = np.repeat(panel.ids, panel.t), np.tile(panel.periods(), panel.n)
        told = {"y": carry_forward(panel.y).ravel(), "on_record": np.isfinite(panel.y).ravel()}
        history = pd.DataFrame({"unique_id": ids, "ds": days, **told}).dropna(ignore_index=True)
        every = {"unique_id": np.repeat(panel.ids, panel.t + horizon)}
        every |= {"ds": np.tile(panel.periods(horizon), panel.n)}
        layers = {name: _whole(plan).ravel() for name, plan in ready.plans.items()}
        return cls(panel=panel, horizon=horizon, history=history, plans=pd.DataFrame({**every, **layers}))

    def few(self) -> "Asked":
        """The same of a few series."""
        return Asked.of(self.panel.take(np.arange(min(_FEW, self.panel.n))), self.horizon)

    @property
    def key(self) -> str:
        """The same for the same question."""
        return f"{self.panel.fingerprint()}_{self.horizon}"

    @property
    def offset(self) -> str:
        """The rhythm as pandas calls it."""
        return self.panel.freq.offset

    @property
    def season(self) -> int:
        """Periods a year."""
        return self.panel.freq.season

    def square(self, answer: pd.DataFrame, column: str) -> Array:
        """A column of a long answer as [n, h], never below 0."""
        wide = answer.pivot(index="unique_id", columns="ds", values=column).reindex(self.panel.ids)
        return np.maximum(wide.to_numpy(float), 0.0)


Ask = Callable[[Asked], Answer]


@dataclass(frozen=True)
class Peer:
    """One method of a library."""

    package: str
    ask: Ask

    @property
    def installed(self) -> bool:
        """Whether its library is there."""
        return importlib.util.find_spec(self.package) is not None

    def answer(self, asked: Asked) -> Answer:
        """Its answer with its cost; the first, small call compiles and is not counted."""
        with _quiet():
            self.ask(asked.few())
            before = user_seconds()
            said = self.ask(asked)
        return Answer(mean=said.mean, quantiles=said.quantiles, user_seconds=user_seconds() - before)


def user_seconds() -> float:
    """User CPU seconds of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def _local(model: str, *, bands: bool = False, seasonal: bool = False, **options: Any) -> Ask:
    """A statsforecast model, one series at a time."""

    def ask(asked: Asked) -> Answer:
        from statsforecast import StatsForecast, models

        season = {"season_length": asked.season} if seasonal else {}
        made = getattr(models, model)(**season, **options, alias="peer")
        engine = StatsForecast(models=[made], freq=asked.offset, n_jobs=1, fallback_model=models.Naive())
        level = list(BANDS) if bands else None
        told = engine.forecast(df=asked.history[["unique_id", "ds", "y"]], h=asked.horizon, level=level)
        return _read(asked, told, "peer")

    return ask


def _trees(*, direct: bool = False, log: bool = False) -> Ask:
    """mlforecast with LightGBM: recursive with conformal bands, or one model a step."""

    def ask(asked: Asked) -> Answer:
        engine = _forecaster(asked, log=log)
        frame, size, known = _scaled(asked, log=log)
        options: dict[str, Any] = {"static_features": known, "weight_col": "weight"}
        level = None
        if direct:
            options["max_horizon"] = asked.horizon
        elif not log and len(asked.panel.ids) > _FEW:
            from mlforecast.utils import PredictionIntervals

            options["prediction_intervals"] = PredictionIntervals(n_windows=2, h=asked.horizon)
            level = list(BANDS)
        engine.fit(frame, **options)
        ahead = _ahead(asked) if len(asked.panel.plans) else None
        told = engine.predict(asked.horizon, level=level, X_df=ahead)
        values = told.columns.difference(["unique_id", "ds"])
        raw = told[values].to_numpy(float)
        told[values] = np.expm1(raw) if log else raw * size[told["unique_id"]].to_numpy()[:, None]
        return _read(asked, told, "lightgbm")

    return ask


def _forecaster(asked: Asked, *, log: bool) -> Any:
    import lightgbm as lgb
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    monthly = asked.season == 12
    lags = [1, 2, 3, 4, 6, 11, 12, 13] if monthly else [1, 2, 3, 4, 8, 13, 26, 52]
    means = [RollingMean(k, min_samples=1) for k in ((3, 6, 12) if monthly else (4, 13, 26))]
    objective = {"objective": "l1"} if log else {"objective": "tweedie", "tweedie_variance_power": 1.2}
    trees = lgb.LGBMRegressor(
        **objective, n_estimators=300, learning_rate=0.05, num_leaves=31, num_threads=1, verbosity=-1, seed=0
    )
    return MLForecast(
        models={"lightgbm": trees},
        freq=asked.offset,
        lags=lags,
        lag_transforms={1: means},
        date_features=["month" if monthly else "quarter"],
        num_threads=1,
    )


def _scaled(asked: Asked, *, log: bool) -> tuple[pd.DataFrame, "pd.Series[float]", list[str]]:
    """The history over its series' mean (or in logs), keys and plans beside it; the means; the keys."""
    frame, static = asked.history, asked.panel.static
    size = frame.groupby("unique_id")["y"].mean().clip(lower=1e-6)
    own = frame["unique_id"].map(size)
    frame = frame.assign(y=np.log1p(frame["y"]) if log else frame["y"] / own)
    weight = np.where(frame["on_record"], 1.0 if log else own / own.mean(), 0.0)
    known = [c for c in ("dealer_id", "sku_id") if 1 < static[c].nunique() < asked.panel.n]
    keys = static[known].astype("category").set_index(asked.panel.ids).rename_axis("unique_id")
    frame = frame.drop(columns="on_record").assign(weight=weight).merge(keys.reset_index(), on="unique_id")
    return frame.merge(asked.plans, on=["unique_id", "ds"]), size, known


def _ahead(asked: Asked) -> pd.DataFrame:
    return asked.plans[asked.plans["ds"] > asked.panel.cutoff]


def _lstm(asked: Asked) -> Answer:
    """neuralforecast's LSTM with plans ahead and quantile loss."""
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MQLoss
    from neuralforecast.models import LSTM

    plans = list(asked.panel.plans)
    quiet = {"enable_progress_bar": False, "logger": False, "enable_checkpointing": False}
    network = LSTM(
        h=asked.horizon,
        input_size=min(2 * asked.season, 60),
        loss=MQLoss(level=list(BANDS)),
        max_steps=300 if len(asked.panel.ids) > _FEW else 2,
        scaler_type="standard",
        futr_exog_list=plans or None,
        random_seed=0,
        accelerator="cpu",
        enable_model_summary=False,
        **quiet,
    )
    frame = asked.history.drop(columns="on_record").merge(asked.plans, on=["unique_id", "ds"])
    engine = NeuralForecast(models=[network], freq=asked.offset)
    engine.fit(frame)
    told = engine.predict(futr_df=_ahead(asked) if plans else None)
    return _read(asked, told.rename(columns={"LSTM-median": "LSTM"}), "LSTM")


def _read(asked: Asked, told: pd.DataFrame, column: str) -> Answer:
    """A long answer with columns X, X-lo-80, X-hi-80 ..."""
    told = told.reset_index() if "unique_id" not in told else told
    quantiles: dict[str, Array] = {}
    for band in BANDS:
        for side, share in (("lo", (100 - band) / 200), ("hi", (100 + band) / 200)):
            if (name := f"{column}-{side}-{band}") in told:
                quantiles[quantile_name(share)] = asked.square(told, name)
    return Answer(mean=asked.square(told, column), quantiles=quantiles)


def quantile_name(level: float) -> str:
    """The column of a level, as models.metrics reads it.

    >>> quantile_name(0.05), quantile_name(0.975)
    ('q05', 'q97.5')
    """
    percent = round(100 * level, 1)
    return f"q{percent:02.0f}" if percent == int(percent) else f"q{percent:04.1f}"


def _whole(plan: Array) -> Array:
    """A plan without blanks: the first known value before it, 0 where none was ever given."""
    back = carry_forward(carry_forward(plan)[:, ::-1])[:, ::-1]
    return np.nan_to_num(back)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings nor the libraries' chatter."""
    named = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch", "lightning")]
    before = [one.level for one in named]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for one in named:
            one.setLevel(logging.ERROR)
        yield
    for one, level in zip(named, before, strict=True):
        one.setLevel(level)


PEERS: dict[str, Peer] = {
    "seasonal_naive": Peer("statsforecast", _local("SeasonalNaive", seasonal=True, bands=True)),
    "holt_winters": Peer("statsforecast", _local("HoltWinters", seasonal=True, bands=True)),
    "auto_ets": Peer("statsforecast", _local("AutoETS", seasonal=True, bands=True)),
    "theta": Peer("statsforecast", _local("DynamicOptimizedTheta", seasonal=True, bands=True)),
    "imapa": Peer("statsforecast", _local("IMAPA")),
    "adida": Peer("statsforecast", _local("ADIDA")),
    "croston_sba": Peer("statsforecast", _local("CrostonSBA")),
    "tsb": Peer("statsforecast", _local("TSB", alpha_d=0.1, alpha_p=0.1)),
    "lightgbm": Peer("mlforecast", _trees()),
    "lightgbm_direct": Peer("mlforecast", _trees(direct=True)),
    "lightgbm_log_l1": Peer("mlforecast", _trees(log=True)),
    "lstm": Peer("neuralforecast", _lstm),
}
MEANS = {"ets_theta": ("auto_ets", "theta")}  # of two peers


@dataclass(kw_only=True)
class Peers:
    """Some peers, asked at every cutoff of a set; `keep` is a folder of answers to the same question."""

    names: tuple[str, ...]
    keep: Path | None = None
    notes_: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)  # cost, or why it is silent

    def ask(self, panels: list[Panel], horizon: int, *, tick: Callable[[str], None]) -> pd.DataFrame:
        """Keys, `peer.NAME` and `peer.NAME.qXX`, one row a series and period; silent peers have none."""
        frames = [_keys(panel, horizon) for panel in panels]
        for name in self.names:
            answers = [self._answer(name, Asked.of(panel, horizon), tick) for panel in panels]
            told = [answer for answer in answers if isinstance(answer, Answer)]
            if len(told) < len(answers):
                self.notes_[name] = {"note": next(a for a in answers if isinstance(a, str))}
                continue
            seconds = sum(answer.user_seconds for answer in told) / sum(panel.n for panel in panels)
            self.notes_[name] = {"user_seconds_per_1000": round(1000 * seconds, 2)}
            for k, answer in enumerate(told):
                layers = {"": answer.mean} | {f".{q}": layer for q, layer in answer.quantiles.items()}
                columns = {f"peer.{name}{end}": layer.ravel() for end, layer in layers.items()}
                frames[k] = frames[k].assign(**columns)
        return pd.concat(frames, ignore_index=True)

    def _answer(self, name: str, asked: Asked, tick: Callable[[str], None]) -> Answer | str:
        """The answer, or in words why there is none."""
        tick(f"{name} {asked.panel.cutoff:%Y-%m-%d}")
        parts = [self._one(part, asked) for part in MEANS.get(name, (name,))]
        told = [part for part in parts if isinstance(part, Answer)]
        if len(told) < len(parts):
            return next(part for part in parts if isinstance(part, str))
        return told[0] if len(told) == 1 else _mean_of(told)

    def _one(self, name: str, asked: Asked) -> Answer | str:
        peer = PEERS[name]
        if not peer.installed:
            return f"not installed ({peer.package})"
        path = None if self.keep is None else self.keep / f"{name}_{asked.key}.pkl"
        if path is not None and path.exists():
            return cast(Answer, pickle.loads(path.read_bytes()))
        try:
            answer = peer.answer(asked)
        except Exception as fault:  # one peer's fault is a row of the table, not the end of the run
            return f"failed: {type(fault).__name__}"
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pickle.dumps(answer))
        return answer


def _mean_of(told: list[Answer]) -> Answer:
    seconds = sum(answer.user_seconds for answer in told)
    return Answer(mean=np.asarray(np.mean([a.mean for a in told], axis=0)), user_seconds=seconds)


def _keys(panel: Panel, horizon: int) -> pd.DataFrame:
    ids, days = np.repeat(panel.ids, horizon), np.tile(panel.ahead(horizon), panel.n)
    return pd.DataFrame({"unique_id": ids, "ds": days, "cutoff": panel.cutoff})
