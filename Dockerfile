# Timeline as one image: `serve` (the gateway), `worker`, and every other command.
FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Not `npm ci`: it refuses the lock file of a registry that has not every platform's optional binaries.
RUN npm install --no-save --no-audit --no-fund
COPY tsconfig.json ./
COPY sql sql
COPY planner planner
COPY connectors connectors
COPY src src
RUN node node_modules/typescript/bin/tsc -p . && node dist/src/build-assets.js
RUN npm prune --omit=dev --no-save --no-audit --no-fund

FROM node:20-slim
# Workers trust the system's certificates where temporal.tls.ca names none.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json ./
COPY bin bin
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN ln -s /app/bin/timeline.js /usr/local/bin/timeline \
  && mkdir -p /var/lib/timeline \
  && chown node:node /var/lib/timeline
ENV NODE_ENV=production TIMELINE_HOME=/var/lib/timeline
VOLUME /var/lib/timeline
USER node
EXPOSE 7432 7480
ENTRYPOINT ["timeline"]
CMD ["serve"]
