# The program alone, without a shell; settings come by PARTNER_FEEDS_*, and /store is the store unless they say another.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make pkg-config libssl-dev
WORKDIR /build
COPY . .
RUN cargo build --release --locked && mkdir /store

# Has what the program links (tests/deploy/run looks): libc, libgcc, OpenSSL; and the certificates of public authorities.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/release/partner-feeds /usr/local/bin/
COPY --from=build --chown=nonroot:nonroot /store /store
ENV PARTNER_FEEDS_STORE_ROOT=/store
VOLUME /store
ENTRYPOINT ["partner-feeds"]
CMD ["--help"]
