from features.simulator import World, simulate


def surveyed():
    made = simulate(World(breach_share=0.8, survey_share=1.0, dealers=40))
    key = ["dealer_id", "sku_id", "period_start"]
    seen = made.tables["signals"].merge(made.tables["prices"][[*key, "list_price"]], on=key)
    seen = seen.merge(made.truth["price_breaches"], on=["dealer_id", "sku_id"], how="left")
    seen["breached"] = seen["period_start"].between(seen["starts_at"], seen["ends_at"])
    return seen.assign(ratio=seen["value"] / seen["list_price"])


def test_street_prices_show_a_breach():
    seen = surveyed()
    assert seen["breached"].sum() > 50
    gap = seen.loc[~seen["breached"], "ratio"].median() - seen.loc[seen["breached"], "ratio"].median()
    assert 0.1 < gap < 0.3


def test_not_every_low_street_price_is_a_breach():
    seen = surveyed()
    low = seen["ratio"] < seen.loc[seen["breached"], "ratio"].median()
    assert (low & ~seen["breached"]).sum() > 20


def test_the_survey_sees_the_stated_share(channel):
    share = len(channel.tables["signals"]) / len(channel.tables["stock"])
    assert abs(share - channel.world.survey_share) < 0.03
