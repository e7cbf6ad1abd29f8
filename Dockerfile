# edge-bridge as an image: Debian's own Python, locked packages, no tools, no root.
#   docker build -t edge-bridge .
#   docker run --read-only --cap-drop=all -v ./config:/etc/edge-bridge:ro -v edge-bridge:/var/lib/edge-bridge edge-bridge
FROM debian:bookworm-slim AS build
# Debian keeps one version of a package in a release, and security updates are wanted.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
COPY requirements/run.lock requirements/build.lock /src/requirements/
RUN python3 -m venv /usr/lib/edge-bridge \
    && /usr/lib/edge-bridge/bin/pip install --require-hashes -r /src/requirements/run.lock \
    && python3 -m venv /build \
    && /build/bin/pip install --require-hashes -r /src/requirements/build.lock
WORKDIR /src
COPY pyproject.toml README.md ./
COPY edge_bridge edge_bridge
COPY adapters adapters
RUN /build/bin/hatchling build -t wheel -d /wheel \
    && /usr/lib/edge-bridge/bin/pip install --no-deps --no-index /wheel/*.whl \
    && /usr/lib/edge-bridge/bin/pip uninstall -y pip setuptools \
    && python3 -m compileall -q /usr/lib/edge-bridge/lib

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/edge-bridge --shell /usr/sbin/nologin edge-bridge \
    && install -d -m 0750 -o edge-bridge -g edge-bridge /var/lib/edge-bridge \
    && install -d /etc/edge-bridge
COPY --from=build /usr/lib/edge-bridge /usr/lib/edge-bridge
ENV PATH=/usr/lib/edge-bridge/bin:$PATH LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/edge-bridge
VOLUME /var/lib/edge-bridge
STOPSIGNAL SIGTERM
# The daemon's own word, not "the process exists": status asks it over its control socket and fails when nobody answers.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["edge-bridge", "status", "--json"]
ENTRYPOINT ["edge-bridge"]
CMD ["run", "--config", "/etc/edge-bridge"]
