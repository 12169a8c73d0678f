# syntax=docker/dockerfile:1
# The service in one image: web, worker, or all of it (docker run … web). See compose.yaml for a whole installation.
#
#   docker build -t mayfly .
#   docker build -t mayfly --build-arg EMBEDDED_REDIS=true .    with a Redis of its own, for `all` without REDIS_URL

# The version that .nvmrc names, on Debian 13.
ARG NODE_IMAGE=node:24.21.0-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE}
ARG EMBEDDED_REDIS=false
RUN set -eu; \
    packages="ffmpeg perl"; \
    if [ "$EMBEDDED_REDIS" = true ]; then packages="$packages redis-server"; fi; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/*; \
    install -d -o node -g node -m 700 /data
WORKDIR /app
# Root's, and so not to be changed by the service.
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY views ./views

ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 3000
# Web and all; a worker listens nowhere: switch it off there (compose.yaml does).
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM makes it drain: at most 30 seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "dist/src/main.js"]
CMD ["all"]
