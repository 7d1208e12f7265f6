"""`triptych serve`: binds the address, loads the model, announces the server, and ends cleanly."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import uvicorn
from starlette.routing import Route

from serve import keys
from serve.access import AccessControl, is_loopback
from serve.admin import add_admin
from serve.alias_follower import AliasFollower
from serve.app import application
from serve.catalog import Catalog
from serve.classify import add_classify
from serve.connections import accept_failures_reported_once, with_limits
from serve.engine_choice import LoadEngine, Prepare
from serve.feedback import add_feedback
from serve.generation import Generations
from serve.keys import Keyring
from serve.limits import Limits
from serve.metrics import CountedRequests
from serve.opening import answers_while_loading
from serve.upstream import Upstream
from serve.upstream_engine import UpstreamEngine
from tasks.errors import UsageError, UserError
from tasks.home import Home
from tasks.progress import say

SECONDS_TO_FINISH = 5.0  # for answers in progress when the server stops
WAITING_CONNECTIONS = 128  # asyncio accepts so many at once, and reports each that fails
OnStart = Callable[[dict[str, str]], None]


class Address(NamedTuple):
    """Where a server listens, and by which other names it is reached."""

    host: str
    port: int
    names: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """The model that is served, and what loads its engine."""

    home: Home
    model: Callable[[], str]  # its name; an adapter is merged first
    load_engine: LoadEngine
    prepare: Prepare


def serve(wanted: Wanted, address: Address, limits: Limits, on_start: OnStart) -> None:
    """Answers until SIGTERM or Ctrl-C; `on_start` is called with {"url", "model", "version", "engine"} once it does.

    The address is bound first: while the model loads, whoever probes it learns that it does (opening.py).
    """
    home, name_model, load_engine, prepare = wanted
    host, names = address.host, address.names
    if (names or not is_loopback(host)) and not keys.are_required(home):
        option = f"--name {names[0]}" if names else f"--host {host}"
        cure = "triptych keys add NAME, or stay on 127.0.0.1"
        raise UsageError(f"{option}: it can be reached from other machines, and this home has no key", cure)
    settings = uvicorn_settings(limits)
    with bind(host, address.port) as listener:
        with answers_while_loading(listener, settings):
            follower = AliasFollower(home, name_model(), load_engine)
        keyring = Keyring(home, required=keys.are_required(home))
        generations = Generations(limits, limits.slots or follower.served.engine.slots)
        catalog = Catalog(home, follower, load_engine, limits.models)
        engine = follower.served.engine
        upstream = Upstream(engine.name, limits.answer_seconds) if isinstance(engine, UpstreamEngine) else None
        endpoints = application(catalog, generations, limits, upstream)
        add_feedback(endpoints, catalog, home, limits)
        add_classify(endpoints, generations, home)
        add_admin(endpoints, catalog, generations, home)
        paths = [route.path for route in endpoints.routes if isinstance(route, Route)]
        guarded = AccessControl(endpoints, host, keyring, limits, names)
        app = CountedRequests(guarded, generations.metrics, paths)
        config = uvicorn.Config(app, **settings)
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

        def up() -> None:
            _announce(url, follower, keyring, home)
            if not is_loopback(host):
                say("  network     traffic is not encrypted: put a proxy with TLS in front")
            on_start(
                {
                    "url": url,
                    "model": follower.model,
                    "version": follower.served.name,
                    "engine": follower.served.facts.engine,
                }
            )

        asyncio.run(Server(config, generations, lambda: follower.watch(prepare), up).serve(sockets=[listener]))


class Server(uvicorn.Server):
    """Announces when it is up, and lets answers finish for a while when it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        generations: Generations,
        watch: Callable[[], Coroutine[None, None, None]],
        up: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._generations, self._watch, self._up = generations, watch, up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(accept_failures_reported_once())
        await super().startup(sockets)
        self._watching = asyncio.create_task(self._watch())
        self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._watching.cancel()
        self._generations.end_within(SECONDS_TO_FINISH)
        await super().shutdown(sockets)


def uvicorn_settings(limits: Limits) -> dict[str, Any]:
    """What uvicorn runs with: within the limits, without its own log of requests."""
    return {
        "http": with_limits(limits),
        "backlog": WAITING_CONNECTIONS,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": int(2 * SECONDS_TO_FINISH),
    }


def bind(host: str, port: int) -> socket.socket:
    """A listener at the address; UserError where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=WAITING_CONNECTIONS)
    except OSError as error:
        cure = "--port with another number (0: any that is free), or end what listens there"
        raise UserError(f"cannot listen at {host}, port {port}: {error.strerror}", cure) from error


def _announce(url: str, follower: AliasFollower, keyring: Keyring, home: Home) -> None:
    served = follower.served
    say(f"{served.name} answers ({follower.model}, {served.engine.context:,} tokens of context)")
    say(f"  engine      {served.facts.engine}")
    say(f"  chat page   {url}/\n  API         {url}/v1   OpenAI's chat and completions; the model is {follower.model}")
    if not keyring.required:
        say("  keys        none: every program on this machine has access; `triptych keys add NAME` changes that")
        return
    count = len(keys.list_keys(home))
    say(f"  keys        required: {count} in `triptych keys list`" + ("" if count else ", so nobody has access"))
