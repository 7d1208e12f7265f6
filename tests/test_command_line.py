"""What `triptych --help` and its commands promise."""

from triptych import app


def test_every_command_shows_an_example_of_itself() -> None:
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command for group in groups if group for command in group.registered_commands]
    assert len(commands) > 25
    epilogs = [str(one.epilog) for one in (*commands, *(group.info for group in groups if group and group is not app))]
    assert not [epilog for epilog in epilogs if not epilog.startswith("Example:  ")]
