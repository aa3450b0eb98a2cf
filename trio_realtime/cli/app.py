"""The command line: commands, options and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from trio_realtime.__about__ import __version__

__all__ = ["PROGRAM", "app", "run"]

PROGRAM: Final = "python -m trio_realtime"

_FAILED: Final = 1
_MISUSED: Final = 2
_INTERRUPTED: Final = 130
_USAGE_ERROR: Final = cast("type[Exception]", typer.BadParameter.__mro__[1])  # typer gives it no name of its own

app: typer.Typer = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"trio_realtime {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog=f"Begin with:  [bold]{PROGRAM} demo[/bold]",
)
def _start(  # pyright: ignore[reportUnusedFunction]  (typer calls it)
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  (its callback has done it)
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Realtime voice agents on trio: watch a conversation, have one, or serve one."""
    if context.invoked_subcommand is None:
        print(context.get_help())


_SPEED = typer.Option(
    min=0.5,
    max=20.0,
    metavar="N",
    help="Times faster than real time (local server); by default 12, with real speech 6.",
)


@app.command(epilog=f"[bold]{PROGRAM} demo[/bold]     about 5 seconds, no network, no key")
def demo(
    live: Annotated[
        bool, typer.Option("--live", help="Talk to OpenAI with OPENAI_API_KEY, in real time. It costs a little.")
    ] = False,
    speed: Annotated[float | None, _SPEED] = None,
) -> None:
    """Watch one whole conversation and check it.

    Text, speech, tools, approvals, a handoff, a guardrail and an interruption, over a real WebSocket to a local server.
    With the extra 'voice' the speech is real; else the voices are tones.

    Exit code 0 if everything happened as expected, 1 if not.
    """
    from trio_realtime.cli.demo import run_demo

    raise typer.Exit(run_demo(live=live, speed=speed))


@app.command(
    epilog=f"[bold]{PROGRAM} chat[/bold]\n\n[bold]echo 'Roll two dice' | {PROGRAM} chat[/bold]",
)
def chat(
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to connect, such as ws://127.0.0.1:8765/v1/realtime.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model's name.")] = None,
) -> None:
    """Have a typed conversation.

    With OpenAI if OPENAI_API_KEY is set, else with a local server.

    /quit, the end of input or Ctrl-C ends it.
    """
    from trio_realtime.cli.chat import run_chat

    raise typer.Exit(run_chat(url=url, model=model))


@app.command(
    epilog=f"[bold]{PROGRAM} talk[/bold]\n\n[bold]{PROGRAM} talk --input call.wav --output reply.wav[/bold]",
)
def talk(
    *,
    input: Annotated[
        Path | None, typer.Option(metavar="WAV", help="Say this recording instead of using the microphone.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="WAV", help="Write what the loudspeaker would have played.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Use this machine's voice even if there is a key.")] = False,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to connect.")] = None,
    voice: Annotated[str | None, typer.Option(metavar="NAME", help="The agent's voice: alloy, ash, ...")] = None,
    half_duplex: Annotated[
        bool, typer.Option("--half-duplex", help="Switch the microphone off while the agent speaks.")
    ] = False,
    speed: Annotated[
        float, typer.Option(min=1.0, max=8.0, metavar="N", help="Times faster than real time (files, local voice).")
    ] = 1.0,
) -> None:
    """Have a spoken conversation: microphone and loudspeaker, or WAV files.

    With OpenAI if OPENAI_API_KEY is set, else with a voice engine on this machine, without network (extra 'voice').

    Without echo cancelling use headphones or --half-duplex. Ctrl-C ends.
    """
    from trio_realtime.cli.talk import TalkOptions, run_talk

    if speed != 1.0 and input is None:
        raise typer.BadParameter("only a recording can go faster than real time", param_hint="--speed")
    options = TalkOptions(
        input=input, output=output, local=local, url=url, voice=voice, half_duplex=half_duplex, speed=speed
    )
    raise typer.Exit(run_talk(options))


@app.command(epilog=f"[bold]{PROGRAM} playground --browse[/bold]")
def playground(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0 takes a free one.")] = 0,
    local: Annotated[bool, typer.Option("--local", help="Use this machine's voice even if there is a key.")] = False,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to connect.")] = None,
    browse: Annotated[bool, typer.Option("--browse", help="Open the page in the browser.")] = False,
) -> None:
    """Hold and watch a call in the browser: a local page, until Ctrl-C (extra 'playground').

    It listens on loopback; the address that is printed has a token that works once.
    """
    from trio_realtime.cli.playground.serve import run_playground

    raise typer.Exit(run_playground(port=port, url=url, local=local, browse=browse))


@app.command(
    epilog=f"[bold]{PROGRAM} serve --port 8765[/bold]\n\n[bold]{PROGRAM} serve --engine echo --verbose[/bold]",
)
def serve(
    host: Annotated[
        str, typer.Option(metavar="HOST", help="The address to listen on. There is no access control.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0 takes a free one.")] = 0,
    engine: Annotated[str, typer.Option(metavar="NAME", help="What answers: rules, echo or voice.")] = "rules",
    pace: Annotated[float, typer.Option(min=0.0, metavar="N", help="Times faster than real time; 0 is at once.")] = 8.0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Write every event to stderr.")] = False,
) -> None:
    """Run the local server for development, until Ctrl-C.

    Any client of the Realtime API can connect, with any key and any model name.

    The first line of output ends with the URL. Exit code 0 after Ctrl-C or SIGTERM.
    """
    from trio_realtime.cli.serve import EngineName, run_serve

    names = [name.value for name in EngineName]
    if engine not in names:
        raise typer.BadParameter(f"{engine!r} is not one of {', '.join(names)}", param_hint="--engine")
    code = run_serve(host=host, port=port, engine=EngineName(engine), pace=pace or None, verbose=verbose)
    raise typer.Exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code: 0, 1 (it failed), 2 (misused) or 130 (interrupted).

    Expected errors become one line on stderr.
    """
    from trio_realtime.cli.output import error_line, forgive_encoding, one_line
    from trio_realtime.errors import AgentsException, UserError

    forgive_encoding()
    try:
        result: Any = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except _USAGE_ERROR as error:
        text = cast("Any", error).format_message()
        error_line(f"{' '.join(text.split())} (see {PROGRAM} --help)")
        return _MISUSED
    except UserError as error:
        error_line(one_line(error))
        return _MISUSED
    except BrokenPipeError:
        _forget_stdout()
        return _FAILED
    except (AgentsException, OSError) as error:
        error_line(one_line(error))
        return _FAILED
    except (KeyboardInterrupt, typer.Abort):
        return _INTERRUPTED
    return result if isinstance(result, int) else 0


def _forget_stdout() -> None:
    """Let nothing fail when Python flushes its streams at the end: nobody reads them any more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
