from features.simulator import World, simulate

SERIES = ["dealer_id", "sku_id"]


def opening(cells):
    return cells.sort_values([*SERIES, "period_start"]).groupby(SERIES)["qty_on_hand"].shift(fill_value=0)


def test_stock_balances_to_the_unit(cells):
    expected = opening(cells) + cells["qty_sell_in"] - cells["qty_sell_out"]
    assert (expected == cells["qty_on_hand"]).all()


def test_nobody_sells_what_was_not_there(cells):
    assert (cells["qty_sell_out"] <= opening(cells) + cells["qty_sell_in"]).all()


def test_a_stock_out_hides_demand_and_only_a_stock_out_does(cells, channel):
    sent = channel.truth["diversions"].groupby(["seller_dealer_id", "sku_id", "period_start"])["units"].sum()
    sent.index.names = ["dealer_id", "sku_id", "period_start"]
    own = cells["qty_sell_out"] - cells[sent.index.names].join(sent, on=sent.index.names)["units"].fillna(0)
    asked = cells["units_wanted"] - cells["units_diverted_away"]
    assert (own == asked - cells["units_missed"]).all()
    assert (cells["qty_on_hand"][cells["is_short"]] == 0).all()
    assert 0.01 < cells["is_short"].mean() < 0.2


def test_goods_come_in_whole_cases(channel):
    rows = channel.tables["sell_in"].merge(channel.tables["products"][["sku_id", "units_per_case"]])
    assert (rows["qty_sell_in"] % rows["units_per_case"] == 0).all()


def test_some_dealers_load_up_when_a_quarter_ends():
    def bought_at_quarter_end(share):
        made = simulate(World(months=36, loading_share=share))
        rows = made.tables["sell_in"]
        at_end = rows["period_start"].dt.month % 3 == 0
        return rows.loc[at_end, "qty_sell_in"].sum() / rows["qty_sell_in"].sum()

    assert bought_at_quarter_end(1.0) > bought_at_quarter_end(0.0) + 0.05


def test_outlets_report_what_their_dealer_sold():
    key = [*SERIES, "period_start"]
    made = [simulate(World(months=12, outlet_reporting_share=share)).tables for share in (0.0, 1.0)]
    whole, split = (tables["sell_out"].groupby(key)["qty_sell_out"].sum() for tables in made)
    assert (whole == split).all()
    reported = made[1]["sell_out"].query("outlet_id != ''").merge(made[1]["outlets"], on="outlet_id")
    assert len(reported) > len(whole)
    assert (reported["dealer_id_x"] == reported["dealer_id_y"]).all()
