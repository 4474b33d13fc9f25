#!/usr/bin/env bash
# Builds the image of ../Dockerfile and starts the compose files for real, with a Docker engine of its own, where no engine
# runs and no registry of images can be reached. Takes a program that is built already:
#
#     cargo build --release && packaging/try_image.sh target/release/zgserve-tui
#     packaging/try_image.sh --build          # compiles in the container, as users do: 10 minutes and more on two cores
#
# The engine lives in a network namespace without a way out, and ends with this script. The two images that the Dockerfile
# starts from are stand-ins under the same names: Debian from its packages, and on top of it a `cargo` that hands out the
# given program, or the toolchain of this machine with the crates that it has fetched. Needs root, and Debian's docker.io,
# docker-compose, debootstrap, iptables; and anvil (`npm ci --prefix tests/by_hand`).
set -euo pipefail
cd "$(dirname "$0")/.."
program=${1:?usage: packaging/try_image.sh PROGRAM | --build}
work=$PWD/target/try_image
socket=$work/run/docker.sock

for needed in dockerd docker docker-compose debootstrap iptables unshare nsenter; do
  command -v "$needed" >/dev/null || { echo "try_image: not tried, $needed is missing"; exit 3; }
done
[ "$(id -u)" = 0 ] || { echo "try_image: not tried, it needs root"; exit 3; }
anvil=$(find "$PWD/tests/by_hand/node_modules/@foundry-rs" -path '*/bin/anvil' -type f -perm -u+x 2>/dev/null | head -n 1)
[ -n "$anvil" ] || { echo "try_image: not tried, anvil is missing (npm ci --prefix tests/by_hand)"; exit 3; }
mkdir -p "$work/run"

debian() { # Debian as the official slim image has it, made once
  [ -e "$work/debian.tar" ] && return 0
  echo "try_image: Debian from its packages, once"
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' | head -n 1)
  rm -rf "$work/debian"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$work/debian" "$mirror" >"$work/debootstrap.log"
  rm -rf "$work/debian"/var/{cache/apt,lib/apt/lists}/* "$work/debian"/usr/share/{doc,man,locale}
  tar -C "$work/debian" -cf "$work/debian.tar.part" .
  mv "$work/debian.tar.part" "$work/debian.tar"
}

stop() {
  # shellcheck disable=SC2046
  [ ! -e "$work/run/docker.pid" ] || kill $(cat "$work/run/docker.pid") 2>/dev/null || true
  wait 2>/dev/null || true
}

engine() {
  unshare --net --mount bash -c 'ip link set lo up && exec dockerd --data-root "$1/data" --exec-root "$1/exec" \
    --pidfile "$1/run/docker.pid" --host "unix://$1/run/docker.sock"' - "$work" >"$work/dockerd.log" 2>&1 &
  trap stop EXIT
  export DOCKER_HOST=unix://$socket
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return 0
    sleep 0.5
  done
  echo "try_image: no engine came up; its log is $work/dockerd.log"
  exit 1
}

bases() { # the images that the Dockerfile names, by stand-ins
  local base rust
  base=$(sed -n 's/^FROM \(debian:[^ ]*\).*/\1/p' Dockerfile)
  rust=$(sed -n 's/^FROM \(rust:[^ ]*\).*/\1/p' Dockerfile)
  docker image inspect "$base" >/dev/null 2>&1 || docker import "$work/debian.tar" "$base" >/dev/null
  rm -rf "$work/rust" && mkdir "$work/rust"
  if [ "$program" = --build ]; then
    if ! docker image inspect rust-root >/dev/null 2>&1; then
      debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$work/rust/root" \
        "$(apt-get indextargets --format '$(SITE)' | head -n 1)" >"$work/debootstrap-rust.log"
      tar -C "$work/rust/root" -c . | docker import - rust-root >/dev/null
      rm -rf "$work/rust/root"
    fi
    mkdir -p "$work/rust/toolchain" "$work/rust/registry"
    (cd "$(rustc --print sysroot)" && cp -r bin lib "$work/rust/toolchain")
    (cd "${CARGO_HOME:-$HOME/.cargo}/registry" && cp -r index cache "$work/rust/registry")
    printf '%s\n' 'FROM rust-root' 'COPY toolchain /usr/local' 'COPY registry /root/.cargo/registry' \
      'ENV CARGO_NET_OFFLINE=true' >"$work/rust/Dockerfile"
  else
    cp "$program" "$work/rust/program"
    printf '%s\n' '#!/bin/sh' 'set -e' '[ "$*" = "build --release --locked --bin zgserve-tui" ]' \
      'test -f src/main.rs && test -f contracts/Serving.json && test -f assets/o200k.bin' \
      'mkdir -p target/release && cp /program target/release/zgserve-tui' >"$work/rust/cargo"
    chmod +x "$work/rust/cargo"
    printf '%s\n' "FROM $base" 'COPY program /program' 'COPY cargo /usr/local/bin/cargo' >"$work/rust/Dockerfile"
  fi
  docker build --quiet --tag "$rust" "$work/rust" >"$work/build-rust.log" 2>&1 || { tail -n 20 "$work/build-rust.log"; exit 1; }
  rm -rf "$work/rust"
}

inside() { # where the engine is
  nsenter --target "$(cat "$work/run/docker.pid")" --net "$@"
}

debian
engine
bases
docker build --tag zgserve-tui . >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }
echo "try_image: built; over the base image it adds:"
docker history --format '  {{.Size}}\t{{.CreatedBy}}' zgserve-tui | grep -v '^ *0B' | cut -c 1-110 | sed '$d'
inside env DOCKER_HOST="$DOCKER_HOST" python3 tests/by_hand/containers.py "$anvil"
