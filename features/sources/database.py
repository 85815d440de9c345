"""Any SQL database, through SQLAlchemy: the profile's query as raw rows.

The URL comes from the environment variable that the profile names, so that no password is
in a file.

Errors: UnreadableFile (no URL, no connection, a refused query). Messages show the URL
without its password, and neither the query's parameters nor the server's words, which may
quote data.

>>> os.environ["DOCS_URL"] = "sqlite://"
>>> query = Database(url_env="DOCS_URL", query="select 'D1' as dealer, 5 as units")
>>> read_query(Profile(name="docs", database=query)).rows.to_dict("records")
[{'dealer': 'D1', 'units': 5}]
"""

import os

import pandas as pd
import sqlalchemy as sa

from features.errors import ProfileError, UnreadableFile
from features.sources.files import Sheet, sheet
from features.sources.profile import Database, Profile


def read_query(profile: Profile) -> Sheet:
    """The rows of the profile's query, numbered from 1."""
    if profile.database is None:
        raise ProfileError(profile.name, ["database: url_env and query are needed"])
    engine = sa.create_engine(_url(profile.database))
    try:
        with engine.connect() as connection:
            rows = pd.read_sql(sa.text(profile.database.query), connection)
    except (sa.exc.SQLAlchemyError, pd.errors.DatabaseError) as error:
        place = engine.url.render_as_string(hide_password=True)
        raise UnreadableFile(place, f"the query failed ({type(error.__cause__ or error).__name__})") from None
    finally:
        engine.dispose()
    return sheet(profile.name, rows)


def _url(database: Database) -> sa.URL:
    text = os.environ.get(database.url_env, "")
    if not text:
        why = "not set; expected a SQLAlchemy URL such as postgresql+psycopg://user@host/name"
        raise UnreadableFile(f"${database.url_env}", why)
    try:
        return sa.make_url(text)
    except sa.exc.ArgumentError:
        raise UnreadableFile(f"${database.url_env}", "not a SQLAlchemy URL") from None
