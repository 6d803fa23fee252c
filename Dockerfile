# Switchboard in a container:
#   docker build -t switchboard .
#   docker run -d --name chat --stop-timeout 45 -v chat-data:/data -p 8080:8080 switchboard
#   docker logs chat                  the setup link of the first start
#   docker exec chat switchboard invite
# It wants a certificate in the volume (server.crt, server.key: see gencert.sh), or, behind a proxy that does TLS,
#   -e SWITCHBOARD__TLS__MODE=off -e SWITCHBOARD__TLS__ALLOW_PLAIN_ON_NETWORK=true
#   -e SWITCHBOARD__SERVER__PUBLIC_URL=https://chat.example.org
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && install -m 755 target/release/switchboard /usr/local/bin/switchboard

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin switchboard \
    && install -d -o switchboard -g switchboard -m 700 /data
COPY --from=build /usr/local/bin/switchboard /usr/local/bin/switchboard
USER switchboard
ENV SWITCHBOARD__SERVER__DATA_DIR=/data SWITCHBOARD__SERVER__LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
# Watch /health/ready from outside; a probe from inside would only say that the container can reach itself.
ENTRYPOINT ["switchboard"]
CMD ["serve"]
