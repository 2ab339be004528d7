# docker build -t cardume:0.1.0 .
# docker build -t cardume-pgbouncer:0.1.0 --target pgbouncer .

FROM swift:6.3.1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        libhiredis-dev libjemalloc-dev libpq-dev libsqlite3-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.* ./
# The manifest names the folders of tests and load test, too.
COPY Sources Sources
COPY Tests Tests
COPY loadtest loadtest
RUN swift build --configuration release --product cardume --static-swift-stdlib \
    && strip --strip-debug -o /cardume "$(swift build --configuration release --static-swift-stdlib --show-bin-path)/cardume"

# The version that the tests run, in transaction mode: k8s/components/pgbouncer.
FROM debian:bookworm-slim AS pgbouncer
RUN apt-get update && apt-get install -y --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
USER 10001:10001
EXPOSE 6432
# Lets running transactions end.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=3s CMD ["bash", "-c", ": < /dev/tcp/127.0.0.1/6432"]
ENTRYPOINT ["pgbouncer"]
CMD ["/etc/pgbouncer/pgbouncer.ini"]

FROM debian:bookworm-slim AS cardume
# k8s/tests/minimal-root starts the program with these packages and no others.
COPY docker/runtime-packages /usr/share/cardume/runtime-packages
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /usr/share/cardume/runtime-packages \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin cardume \
    && install -d -o cardume -g cardume /var/lib/cardume
COPY --from=build /cardume /usr/local/bin/cardume
COPY docker/healthcheck /usr/local/bin/cardume-healthcheck
# The root file system may be read-only. Only the embedded deployment and a spool write: to /var/lib/cardume.
ENV CARDUME_HTTP_HOST=0.0.0.0 CARDUME_HTTP_PORT=8080 CARDUME_DATA_FOLDER=/var/lib/cardume
WORKDIR /var/lib/cardume
VOLUME /var/lib/cardume
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["cardume-healthcheck"]
ENTRYPOINT ["cardume"]
CMD ["run"]
