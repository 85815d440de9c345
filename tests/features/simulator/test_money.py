import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate


def lateness(channel):
    """Days from issue to due and to the first payment, by invoice."""
    tables = channel.tables
    paid = tables["payments"].groupby("invoice_id")["paid_at"].min().rename("paid_at")
    rows = tables["invoices"].set_index("invoice_id").join(paid, how="inner")
    return pd.DataFrame(
        {"terms": rows["due_at"] - rows["issued_at"], "late": rows["paid_at"] - rows["due_at"]}
    )


def test_other_promotions_do_not_move_the_luck_of_payments():
    plain, promoted = (lateness(simulate(World(promotion_share=share))) for share in (0.0, 0.3))
    both = plain.merge(promoted, left_index=True, right_index=True)
    assert len(both) > 500
    assert (both["late_x"] == both["late_y"]).all()
    assert (both["terms_x"] == both["terms_y"]).all()


def test_invoices_add_up_to_what_was_bought(channel):
    bought = channel.tables["sell_in"].groupby("document_id")["amount"].sum().drop("")
    invoiced = channel.tables["invoices"].set_index("invoice_id")["amount"]
    assert bought.index.equals(invoiced.sort_index().index)
    np.testing.assert_allclose(bought, invoiced.sort_index(), atol=0.005)


def test_amounts_are_units_at_the_net_price(channel):
    rows = channel.tables["sell_in"].merge(
        channel.tables["prices"], on=["dealer_id", "sku_id", "period_start"], validate="1:1"
    )
    np.testing.assert_allclose(rows["amount"], rows["qty_sell_in"] * rows["net_price"], atol=0.01)


def test_nobody_pays_more_than_invoiced_or_before_the_invoice(channel):
    rows = channel.tables["payments"].merge(channel.tables["invoices"], on="invoice_id")
    assert (rows["paid_at"] >= rows["issued_at"]).all()
    paid = rows.groupby("invoice_id").agg(paid=("amount_x", "sum"), owed=("amount_y", "first"))
    assert (paid["paid"] <= paid["owed"] + 0.01).all()


def test_nothing_is_paid_or_sold_after_a_default():
    made = simulate(World(default_share=0.5, months=36))
    failed = made.truth["solvency"].set_index("dealer_id")["defaulted_at"]
    for name, moment in (("payments", "paid_at"), ("sell_in", "period_start")):
        frame = made.tables[name]
        assert not (frame[moment] >= frame["dealer_id"].map(failed)).any()
    assert failed.notna().sum() == 10


def test_dealers_of_poor_quality_pay_later():
    made = simulate(World(dealers=60, products=3, months=24))
    late = lateness(made)["late"].dt.days.groupby(lambda invoice: invoice.split("-")[0]).median()
    quality = made.truth["solvency"].set_index("dealer_id")["quality"]
    assert late.corr(quality[late.index], method="spearman") < -0.7


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_stated_share_of_dealers_defaults(share):
    assert simulate(World(default_share=share, months=24)).truth["solvency"]["defaulted"].sum() == 20 * share
