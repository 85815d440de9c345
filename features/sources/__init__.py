"""Files and databases in, canonical tables out, by a mapping profile.

`read(load_profile("generic"), ["sales.csv"])` gives an `Intake`: the tables of the good rows,
every fault, and the bad rows with their reasons. See `features.sources.intake`.
"""

from features.sources.intake import Intake, read
from features.sources.profile import Profile, load_profile

__all__ = ["Intake", "Profile", "load_profile", "read"]
