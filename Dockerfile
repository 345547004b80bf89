# Only the program, without a shell, built as deploy/package builds it. Settings come from PARTNER_FEEDS_* variables; the
# default store is /store.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make pkg-config libssl-dev
WORKDIR /build
COPY . .
RUN cargo build --release --locked && mkdir /store

# Contains what the program links (checked by tests/deploy/run): libc, libgcc, OpenSSL; and public CA certificates.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/partner-feeds /usr/local/bin/
COPY --from=build --chown=nonroot:nonroot /store /store
ENV PARTNER_FEEDS_STORE_ROOT=/store
VOLUME /store
ENTRYPOINT ["partner-feeds"]
CMD ["--help"]
