#!/bin/sh
# Counts its starts in the box's storage. The socket that WEBIZEN_SOCKET names is all an app has, and all it needs.
set -u
. "$(dirname "$0")/webizen.sh"

trap 'echo stopped; kill $! 2> /dev/null; exit 0' TERM INT

# Adds one to the stored count, unless somebody else did so meanwhile: then once more from the start.
count() {
  while :; do
    etag=$(box_etag count)
    now=0
    [ -z "$etag" ] || now=$(box GET /v1/storage/count)
    next=$((now + 1))
    answer=$(box_put count "$next" "$etag") && echo "$next" && return
    case $answer in *precondition-failed*) ;; *) echo "$answer" >&2; exit 1 ;; esac
  done
}

listen() {
  box_events | while IFS= read -r event; do
    echo "event: $(printf '%s' "$event" | sed 's/.*"type":"\([a-z]*\)".*/\1/')"
  done
}

times=$(count) || exit 1
echo "started $times times"
box PUT /v1/self/ready # it is well (webizen.json, "health")
while :; do
  listen 2> /dev/null &
  wait $! # a trap is heard here, and not while something runs in the foreground
  sleep 1 & # the box's software is started again: the socket is back in a moment
  wait $!
done
