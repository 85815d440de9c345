import pytest

from features.simulator import World, simulate

CELL = ["dealer_id", "sku_id", "period_start"]


@pytest.fixture(scope="module")
def worlds():
    """The same channel without and with diversion."""
    return [simulate(World(diversion_share=s, months=36, scan_coverage_share=0.05)) for s in (0.0, 0.8)]


def sold(channel):
    return channel.tables["sell_out"].groupby(CELL)["qty_sell_out"].sum()


def test_sellers_sell_more_by_what_they_divert(worlds):
    moved = worlds[1].truth["diversions"]
    sent = moved.groupby(["seller_dealer_id", "sku_id", "period_start"])["units"].sum()
    receivers = set(moved["receiver_dealer_id"] + moved["sku_id"])
    only_sellers = sent[[d + s not in receivers for d, s, _ in sent.index]]
    more = (sold(worlds[1]) - sold(worlds[0]))[only_sellers.index]
    assert len(more) > 20
    assert (more == only_sellers).all()


def test_receivers_lose_exactly_what_was_sent_to_their_market(worlds):
    moved = (
        worlds[1].truth["diversions"].groupby(["receiver_dealer_id", "sku_id", "period_start"])["units"].sum()
    )
    away = worlds[1].truth["demand"].set_index(CELL)["units_diverted_away"]
    assert (away[moved.index] == moved).all()
    assert away.sum() == moved.sum()


def test_receivers_sell_less_than_they_would_have(worlds):
    moved = worlds[1].truth["diversions"]
    lost = moved.set_index(["receiver_dealer_id", "sku_id", "period_start"]).index
    sellers = set(moved["seller_dealer_id"] + moved["sku_id"])
    lost = lost[[d + s not in sellers for d, s, _ in lost]]
    assert sold(worlds[1])[lost].sum() < 0.9 * sold(worlds[0])[lost].sum()


def test_goods_go_to_another_territory(worlds):
    moved = worlds[1].truth["diversions"]
    assert (moved["seller_territory_id"] != moved["receiver_territory_id"]).all()


def away_share(channel):
    scans = channel.tables["trace_scans"]
    home = scans["shipped_dealer_id"].map(channel.tables["dealers"].set_index("dealer_id")["territory_id"])
    return (scans["scanned_territory_id"] != home).mean()


def test_without_diversion_only_travellers_scan_away_from_home(worlds):
    assert away_share(worlds[0]) == pytest.approx(0.02, abs=0.005)


def test_diverted_goods_are_scanned_where_they_went(worlds):
    assert away_share(worlds[1]) > 1.3 * away_share(worlds[0])


def test_no_code_is_scanned_twice_and_no_outlet_before_it_opened(worlds):
    scans = worlds[1].tables["trace_scans"]
    assert scans["code"].is_unique
    in_shop = scans.merge(worlds[1].tables["outlets"][["outlet_id", "opened_at"]])
    assert len(in_shop) > 100
    assert (in_shop["scanned_at"] >= in_shop["opened_at"]).all()


def test_a_world_of_one_territory_has_nowhere_to_divert_to():
    assert simulate(World(territories=1, months=12, diversion_share=1.0)).truth["diversions"].empty
