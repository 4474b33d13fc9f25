# The program and what it needs to run. Builds with Rust and a C compiler; runs as a user without rights, with no shell
# script in between.
#
#     docker build -t zgserve-tui .
#     docker run --rm -it zgserve-tui demo
#
# Written for every builder since Docker 20.10, so that Docker Compose 1.27 can use it: nothing here needs BuildKit.
# `packaging/try_image.sh` builds and starts it where no registry of images can be reached.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin zgserve-tui \
    && mkdir -p /out/bin /out/lib/zgserve \
    && cp target/release/zgserve-tui /out/bin/ \
    && chmod 0700 /out/lib/zgserve

FROM debian:12.12-slim
LABEL org.opencontainers.image.title="zgserve-tui" \
      org.opencontainers.image.description="Use, sell and pay for AI and storage services on the 0G Serving network" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

# Whose files config.local.yaml and its keys are: a private file of the host can be read by this number only.
ARG UID=1000
ARG GID=1000

# The roots of trust for https addresses of the chain and of providers.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/bin/zgserve-tui /usr/local/bin/zgserve-tui
# A volume that is mounted here first takes over owner and mode.
COPY --from=build --chown=${UID}:${GID} /out/lib /var/lib
COPY LICENSE-MIT LICENSE-APACHE assets/o200k.LICENSE /usr/share/doc/zgserve-tui/

ENV ZGSERVE_DATA_DIR=/var/lib/zgserve
USER ${UID}:${GID}
WORKDIR /var/lib/zgserve
VOLUME /var/lib/zgserve
EXPOSE 1034 3080 3081

# Of the user broker; the provider's compose file asks on its own port.
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s CMD ["zgserve-tui", "health", "http://127.0.0.1:1034"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["zgserve-tui"]
CMD ["--headless"]
