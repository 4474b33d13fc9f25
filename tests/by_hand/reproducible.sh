#!/usr/bin/env bash
# Is the release the same, byte for byte, wherever it is built? Builds HEAD twice, in two folders of different names, and
# compares. Two full release builds; `reproducible.sh PROFILE` takes another profile (`dev` is quicker).
set -euo pipefail
profile="${1:-release}"
top=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
sums=()
for folder in one a-second-place; do
  git clone --quiet "$top" "$place/$folder"
  (
    cd "$place/$folder"
    # Paths of the machine that builds are no part of the program.
    export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="$place/$folder/target"
    export RUSTFLAGS="--remap-path-prefix=$PWD=/source --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    export CFLAGS="-ffile-prefix-map=$PWD=/source -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    export SOURCE_DATE_EPOCH=0
    cargo build --quiet --locked --profile "$profile" --bin zgserve-tui
  )
  output=$profile
  [ "$profile" = dev ] && output=debug
  sums+=("$(sha256sum < "$place/$folder/target/$output/zgserve-tui")")
  rm -rf "$place/$folder/target/$output/deps"
done
printf '%s\n' "${sums[@]}"
[ "${sums[0]}" = "${sums[1]}" ] && echo "the two programs are the same" || { echo "the two programs differ"; exit 1; }
