# The program alone; settings come by PARTNER_FEEDS_*, and /store is the store.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make
WORKDIR /build
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 partner-feeds && install --directory --owner partner-feeds /store
COPY --from=build /build/target/release/partner-feeds /usr/local/bin/
USER partner-feeds
ENV PARTNER_FEEDS_STORE_ROOT=/store
VOLUME /store
ENTRYPOINT ["partner-feeds"]
CMD ["--help"]
