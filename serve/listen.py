"""`triptych serve`: the address, the words at the start, and a clean end."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn

from serve import keys
from serve.access import AccessControl, is_loopback
from serve.alias_follower import AliasFollower
from serve.app import application
from serve.engine import DecoderEngine
from serve.generation import Generations
from serve.keys import Keyring
from serve.limits import Limits
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.progress import say

SECONDS_TO_FINISH = 5.0  # for answers that are being written when the server is told to end
WAITING_CONNECTIONS = 2048
Told = Callable[[dict[str, str]], None]


def serve(home: Home, model: str, address: tuple[str, int], limits: Limits, told: Told) -> None:
    """Answers until SIGTERM or Ctrl-C; `told` hears {"url", "model", "version"} once it does."""
    host, port = address
    if not is_loopback(host) and not keys.are_asked_for(home):
        cure = "triptych keys add NAME, or stay on 127.0.0.1"
        raise UsageError(f"--host {host} can be reached from other machines, and this home has no key", cure)
    with _listening(host, port) as listener:
        following = AliasFollower(home, model, DecoderEngine)
        keyring = Keyring(home, required=keys.are_asked_for(home))
        generations = Generations(limits)
        app = AccessControl(application(following, generations, limits), host, keyring, limits)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(2 * SECONDS_TO_FINISH),
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

        def up() -> None:
            _say_what_holds(url, following, keyring, home)
            if not is_loopback(host):
                say("  network     what is sent is not encrypted: put a proxy with TLS before it")
            told({"url": url, "model": model, "version": following.served.name})

        asyncio.run(Server(config, generations, up).serve(sockets=[listener]))


class Server(uvicorn.Server):
    """Says when it is up, and lets answers finish for a while when it ends."""

    def __init__(self, config: uvicorn.Config, generations: Generations, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._generations, self._up = generations, up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._generations.end_within(SECONDS_TO_FINISH)
        await super().shutdown(sockets)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS)
    except OSError as error:
        cure = "--port with another number (0: any that is free), or end what listens there"
        raise UserError(f"cannot listen at {host}, port {port}: {error.strerror}", cure) from error


def _say_what_holds(url: str, following: AliasFollower, keyring: Keyring, home: Home) -> None:
    served = following.served
    say(f"{served.name} answers ({following.model}, {served.engine.context:,} tokens of context)")
    say(f"  chat page   {url}/\n  API         {url}/v1   OpenAI's chat and completions; the model is {following.model}")
    if not keyring.required:
        say("  keys        none, so every program of this machine may ask; `triptych keys add NAME` ends that at once")
        return
    count = len(keys.listed(home))
    say(f"  keys        needed: {count} in `triptych keys list`" + ("" if count else ", so nobody may ask"))
