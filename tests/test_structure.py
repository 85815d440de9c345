"""The house keeps its shape: rooms in their places, links that lead somewhere, commands that exist."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import qudao

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(path.parent.name for path in ROOT.glob("models/*/__init__.py"))
PAPERS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "mlruns/README.md")]
PAPERS += sorted(ROOT.glob("docs/**/*.md"))
PLACES = {
    "training/recipes/{}.py",
    "serving/rooms/{}.py",
    "configs/{}.yaml",
    "notebooks/[0-9][0-9]_{}.ipynb",
    "tests/models/{}",
    "docs/rooms/{}.md",
}
ROOM_ONLY = {  # nothing but rooms has a file here
    "training/recipes/[!_]*.py": r"(.+)\.py",
    "docs/rooms/*": r"(.+)\.md",
    "notebooks/*.ipynb": r"\d\d_(.+)\.ipynb",
}
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?qudao ([a-z].*)$", re.MULTILINE)
SAID = re.compile(r"`qudao ([a-z][^`\n{]+)")
MACHINE_PATH = re.compile(r"(?<![\w.}>-])/(?:work|root|home|Users)/\w")
BINARY = {".png", ".parquet", ".xlsx", ".ico"}


def written(paper):
    """The commands that a paper names: what stands behind `qudao` in its code."""
    pieces = [block or span for block, span in CODE.findall(paper.read_text(encoding="utf-8"))]
    return [line for piece in pieces for line in COMMAND.findall(piece)]


def faults(line):
    """What the command line does not know of a command as it is written."""
    words = [word for word in shlex.split(line, comments=True) if not word.startswith("|")]
    command = get_command(qudao.app)
    while words and isinstance(command, typer.core.TyperGroup):
        if words[0] not in command.commands:
            return [words[0]]
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in options | {"--help"}]


def project_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git working tree: nothing tells the project's files from made ones")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_found_at_every_place(room):
    absent = [place for place in sorted(PLACES) if not list(ROOT.glob(place.format(room)))]
    assert absent == []


@pytest.mark.parametrize("place", ROOM_ONLY)
def test_no_place_holds_a_room_without_a_model(place):
    found = [re.fullmatch(ROOM_ONLY[place], path.name) for path in ROOT.glob(place)]
    assert sorted(match[1] if match else "?" for match in found) == ROOMS


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(paper):
    links = LINK.findall(paper.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (paper.parent / link).exists()] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_the_papers_is_one_of_ours(paper):
    assert {line: wrong for line in written(paper) if (wrong := faults(line))} == {}


def test_messages_send_nobody_to_a_command_that_is_not_there():
    sources = [path for path in project_files() if path.suffix in {".py", ".html", ".js"}]
    lines = [line for path in sources for line in SAID.findall(path.read_text("utf-8"))]
    assert len(lines) > 5
    assert {line: wrong for line in lines if (wrong := faults(line))} == {}


def test_the_readme_names_every_command():
    said = " ".join(written(ROOT / "README.md"))
    assert [name for name in get_command(qudao.app).commands if name not in said] == []


def test_the_table_of_decisions_names_every_decision():
    table = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    assert [p.name for p in ROOT.glob("docs/decisions/0*.md") if f"({p.name})" not in table] == []


def test_no_file_names_a_folder_of_somebodys_machine():
    texts = {p: p.read_text("utf-8", "replace") for p in project_files() if p.suffix not in BINARY}
    assert [str(p.relative_to(ROOT)) for p, text in texts.items() if MACHINE_PATH.search(text)] == []
