# The service. docs/container.md says how to run it.

FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The one install script fetches a Node, and this image is one.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json tsconfig.build.browser.json ./
COPY src ./src
RUN npm run build

FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:26-slim
LABEL org.opencontainers.image.title="sealslot" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.description="Issues upload slots: presigned S3 uploads under SSE-C, one random key per object." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/node:26-slim"
ENV NODE_ENV=production \
    SEALSLOT_CONFIG=/etc/sealslot/sealslot.yaml \
    SEALSLOT_LISTEN__HOST=0.0.0.0 \
    SEALSLOT_ADMIN__PORT=9464
# Two places, so that the store and the KEK can be mounted, and backed up, apart. They are no VOLUME: a forgotten mount would
# then be an anonymous volume, and the keys in it would go with the container.
RUN mkdir /data /keys && chown 1000:1000 /data /keys
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY bin ./bin
# `node`, as a number: Kubernetes' runAsNonRoot cannot judge a name.
USER 1000:1000
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Liveness: what restarts unhealthy containers must not do so because a KMS is away. Who waits for readiness asks /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SEALSLOT_ADMIN__PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/sealslot.js"]
CMD ["serve"]
