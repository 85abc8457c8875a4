# For those who have no Debian at hand:
#   docker build -t asyncio-cpp . && docker run --rm asyncio-cpp
#   docker run --rm asyncio-cpp make test
# Docker forbids io_uring by default; its tests run with --security-opt seccomp=unconfined.
FROM debian:12

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       ca-certificates ccache clang-19 cmake g++ libclang-rt-19-dev libgtest-dev make mold ninja-build pkg-config python3 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /asyncio-cpp
COPY . .
CMD ["make", "demo"]
