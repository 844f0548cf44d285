# MinIO for docker-compose.yml. It is no longer published as an image, so the last source (2026-02-12) is built: some minutes, once.
# Go's checksum database vouches for the bytes.

FROM golang:1.26-bookworm AS build
ENV CGO_ENABLED=0 GOBIN=/out
RUN go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

FROM debian:bookworm-slim
# curl for the health check, openssl for prepare.sh.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl openssl && rm -rf /var/lib/apt/lists/*
# An empty volume takes its owner from here.
RUN for folder in /ca /certs /s3 /minio /scale-ca /postgres-secret /openbao-data /openbao-seal /openbao-login; do \
      mkdir "$folder" && chown 1000:1000 "$folder"; done
COPY --from=build /out/minio /usr/local/bin/minio
COPY docker/prepare.sh /usr/local/bin/prepare.sh
USER 1000:1000
ENTRYPOINT ["minio"]
