#!/bin/sh
# Sets up what a command needs, then becomes that command under a Node that is new enough.
# `exec` rather than a child: signals and exit codes are the command's own.
#
#     sh tools/with-node.sh [--tests] [--bench] FILE [ARGUMENT...]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd -P)
needs=
while [ $# -gt 0 ]; do
  case $1 in
    --tests | --bench) needs="$needs $1" && shift ;;
    *) break ;;
  esac
done
# Unquoted on purpose: no flag or several.
# shellcheck disable=SC2086
node=$(node "$root/tools/setup.mjs" $needs)
PATH=$(dirname "$node"):$PATH
export PATH
cd "$root"
exec "$node" --disable-warning=ExperimentalWarning "$@"
