#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The echo server on the streams of Python's asyncio: py_echo.py PORT."""

import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(16 * 1024):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


asyncio.run(main())
