"""`python -m agents.scripted`: run the scripted model until it is told to stop."""

import argparse

import uvicorn

from agents.scripted.server import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m agents.scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8020)
    parser.add_argument("--delay-ms", type=int, default=0, help="pause before the first token, in milliseconds")
    parser.add_argument("--chunk-ms", type=int, default=0, help="pause between deltas, in milliseconds")
    options = parser.parse_args()
    uvicorn.run(
        create_app(delay_ms=options.delay_ms, chunk_ms=options.chunk_ms),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
