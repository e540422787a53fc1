# The Selkie under test, on the host. Sourced by run; suites reach these functions through the control line.
# shellcheck shell=bash

takes_connections() {
  (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

# An address of its own that stays the same over restarts, as a client expects of its server; the next one is free, too.
choose_port() {
  local port
  for ((port = 20000 + RANDOM % 10000; ; port++)); do
    if ! takes_connections "$port" && ! takes_connections $((port + 1)); then
      echo "$port"
      return
    fi
  done
}

# Starts it and returns when it says that it is ready.
server_start() {
  local pid seen
  seen=$(wc -l < "$WORK/server.log")
  # shellcheck disable=SC2086
  "$JAVA" "@$SELKIE_ROOT/bin/jvm.options" -Xmx1g ${SELKIE_JAVA_OPTS-} -cp "$CLASS_PATH" \
    io.selkie.server.Main serve --config "$WORK/selkie.yaml" >> "$WORK/server.log" 2>&1 < /dev/null &
  pid=$!
  echo "$pid" > "$WORK/server.pid"
  # tail ends with the server, so this ends in any case.
  if ! grep -q -m 1 'selkie ready' < <(tail --pid="$pid" -n "+$((seen + 1))" -f "$WORK/server.log" 2> /dev/null); then
    tail -n 20 "$WORK/server.log" >&2
    fail 'the server did not start'
  fi
}

# server_end SIGNAL: ends it and returns when it is gone.
server_end() {
  local pid
  pid=$(< "$WORK/server.pid")
  kill -s "$1" "$pid"
  # Not our child when a suite asked for its start; tail watches any process to its end.
  timeout 300 tail --pid="$pid" -f /dev/null
}

server_restart() {
  server_end "$1"
  server_start
}

# write_configuration ADDRESS BASE: four exports below BASE, of which "inner" lies in "data". Clients that answer are in
# time even in a guest that stands still for a while: recalls may take nearly as long as the kernel lets a lease
# break take (45 s), and a grace period is over when all have reclaimed.
write_configuration() {
  cat << END
exports:
  - path: $2/data
    name: data
    clients:
      - hosts: '*'
        squash: none
  - path: $2/inner
    name: data/inner
    clients:
      - hosts: '*'
        squash: none
  - path: $2/readonly
    name: readonly
    readOnly: true
  - path: $2/squash
    name: squash
    clients:
      - hosts: '*'
        squash: root
listen: $1:$PORT
rdma:
  listen: $1:$RDMA_PORT
sessions:
  leaseSeconds: 40
  graceSeconds: 40
layout:
  recallTimeoutMillis: 35000
stateDirectory: $2/state
END
}

# Selkie's own commands, on the host.
selkie() {
  "$JAVA" "@$SELKIE_ROOT/bin/jvm.options" -Xmx256m -XX:TieredStopAtLevel=1 -cp "$CLASS_PATH" io.selkie.server.Main "$@"
}
