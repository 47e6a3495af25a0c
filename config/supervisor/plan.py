"""What `up` is going to run, read from the environment: addresses, and the commands of the processes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from config.env import env_bool, env_int, env_path, env_str
from config.supervisor.ports import check_port, free_port

BASE_DIR = Path(__file__).resolve().parent.parent.parent
LOCALHOST = "127.0.0.1"
SHOP_PORT = 8010
MODEL_PORT = 8020


@dataclass(frozen=True, kw_only=True)
class Plan:
    state: Path
    host: str
    port: int
    public_url: str
    demo: bool
    #: Where our own demo shop and scripted model listen; None when another one takes their place.
    shop_port: int | None
    model_port: int | None
    #: Whether the answers come from the scripted model, ours or one that runs elsewhere.
    scripted: bool
    concurrency: int

    @property
    def web_url(self) -> str:
        """Where this machine reaches the web process."""
        host = {"0.0.0.0": LOCALHOST, "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return address(host, self.port)


def state_folder() -> Path:
    return env_path("STATE_DIR", BASE_DIR / ".state")


def read_plan(*, host: str | None, port: int | None, demo: bool) -> Plan:
    """`host`, `port` and `demo` are from the command line: the first two win over HOST and PORT, DEMO over the last.

    Raises PortRefused and ImproperlyConfigured.
    """
    host = host or env_str("HOST", LOCALHOST)
    port = env_int("PORT", 8000) if port is None else port
    check_port(host, port)
    demo = env_bool("DEMO", default=demo)
    own_url = address(LOCALHOST if host in {"0.0.0.0", "::"} else host, port)  # noqa: S104 - compared, not bound
    scripted = not env_str("ANTHROPIC_API_KEY") and not env_str("ANTHROPIC_BASE_URL")
    model_port = free_port(LOCALHOST, MODEL_PORT) if scripted and not env_str("SCRIPTED_MODEL_URL") else None
    return Plan(
        state=state_folder(),
        host=host,
        port=port,
        public_url=env_str("PUBLIC_URL") or own_url,
        demo=demo,
        shop_port=free_port(LOCALHOST, SHOP_PORT) if demo and not env_str("DEMO_SHOP_URL") else None,
        model_port=model_port,
        scripted=scripted,
        concurrency=env_int("WORKER_CONCURRENCY", 32),
    )


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def environment(plan: Plan) -> dict[str, str]:
    """What the processes, and commands in a second terminal, have to know of the plan."""
    found = {"PUBLIC_URL": plan.public_url, "STATE_DIR": str(plan.state), "DEMO": str(int(plan.demo))}
    if plan.shop_port is not None:
        found["DEMO_SHOP_URL"] = address(LOCALHOST, plan.shop_port)
    if plan.model_port is not None:
        found["SCRIPTED_MODEL_URL"] = address(LOCALHOST, plan.model_port)
    return found


def backends(plan: Plan) -> dict[str, list[str]]:
    """The commands of the services that stand in for a shop and a model: started first, stopped last."""
    module = [sys.executable, "-m"]
    found = {}
    if plan.model_port is not None:
        found["model"] = [*module, "agents.scripted", "--host", LOCALHOST, "--port", str(plan.model_port)]
    if plan.shop_port is not None:
        shop = [*module, "tools.demo_shop", "--host", LOCALHOST, "--port", str(plan.shop_port)]
        found["shop"] = [*shop, "--database", str(plan.state / "shop.sqlite3")]
    return found


def desk(plan: Plan) -> dict[str, list[str]]:
    """The commands of Tandem's own processes."""
    module = [sys.executable, "-m"]
    web = [*module, "uvicorn", "config.asgi:application", "--host", plan.host, "--port", str(plan.port)]
    celery = [*module, "celery", "-q", "-A", "config"]
    # Open event streams never end by themselves: without a limit the web process would wait for them for ever.
    web += ["--timeout-graceful-shutdown", "3", "--no-access-log", "--no-use-colors", "--lifespan", "on"]
    worker = [*celery, "worker", "-P", "threads", "-c", str(plan.concurrency), "-l", "WARNING"]
    schedule = str(plan.state / "beat-schedule")
    return {
        "web": web,
        "worker": [*worker, "--without-gossip", "--without-mingle", "--without-heartbeat"],
        "beat": [*celery, "beat", "-l", "WARNING", "--schedule", schedule, "--pidfile", ""],
    }
