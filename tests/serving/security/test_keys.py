import json
import stat

import pytest

from serving.security.keys import Keyring, NoDealer, UnknownKey


@pytest.fixture
def keyring(tmp_path):
    return Keyring(tmp_path / "keys")


def test_a_key_is_found_with_its_name_and_role(keyring):
    found = keyring.find(keyring.create_key("night batch", "platform"))
    assert (found.name, found.role) == ("night batch", "platform")


def test_at_rest_there_is_no_secret_and_only_the_owner_may_read(keyring):
    plain = keyring.create_key("a", "planner")
    (file,) = keyring.folder.iterdir()
    assert plain.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == 0o700


def test_equal_names_share_neither_salt_nor_digest(keyring):
    for _ in range(2):
        keyring.create_key("same", "planner")
    one, two = keyring.list_keys()
    assert one.salt != two.salt
    assert one.digest != two.digest


def test_a_key_that_differs_anywhere_is_unknown(keyring):
    plain = keyring.create_key("a", "admin")
    for i in (0, 5, 12, 20, len(plain) - 1):
        changed = plain[:i] + ("A" if plain[i] != "A" else "B") + plain[i + 1 :]
        assert keyring.find(changed) is None


@pytest.mark.parametrize("text", ["", "qk_", "qk_../../x_" + "y" * 43, "qk_00000000_" + "y" * 43, "键" * 55])
def test_nonsense_is_no_key(keyring, text):
    keyring.create_key("a", "admin")
    assert keyring.find(text) is None


def test_a_revoked_key_is_refused_and_remembered(keyring):
    plain = keyring.create_key("a", "planner")
    revoked = keyring.revoke(keyring.find(plain).id)
    assert keyring.find(plain) is None
    assert keyring.list_keys() == [revoked]
    assert keyring.revoke(revoked.id) == revoked


def test_revoking_nothing_and_unknown_roles_are_refused(keyring):
    with pytest.raises(UnknownKey, match="qudao key list"):
        keyring.revoke("00000000")
    with pytest.raises(ValueError, match="planner, platform, scientist, admin, dealer; got 'boss'"):
        keyring.create_key("a", "boss")


def test_a_file_holds_exactly_what_is_promised(keyring):
    keyring.create_key("a", "planner")
    (file,) = keyring.folder.iterdir()
    names = {"id", "name", "role", "dealer_id", "salt", "digest", "created_at", "revoked_at"}
    assert json.loads(file.read_text()).keys() == names


def test_a_dealers_key_names_its_dealer_and_no_other_key_does(keyring):
    assert keyring.find(keyring.create_key("shop", "dealer", dealer_id="D7")).dealer_id == "D7"
    for role, dealer in (("dealer", ""), ("planner", "D7")):
        with pytest.raises(NoDealer, match="--dealer"):
            keyring.create_key("a", role, dealer_id=dealer)
    assert len(keyring.list_keys()) == 1
