# The standard API of a Webizen box, for a shell with curl: `. ./webizen.sh`.

WEBIZEN_SOCKET=${WEBIZEN_SOCKET:-/run/webizen/api.sock}

# box METHOD PATH [options of curl]: prints the body; what is refused is printed too, and fails.
box() {
  box_method=$1 box_path=$2
  shift 2
  curl --silent --show-error --fail-with-body --unix-socket "$WEBIZEN_SOCKET" --request "$box_method" "$@" "http://box$box_path"
}

# box_etag KEY: what is stored under it now is called this; nothing is printed where nothing is stored.
box_etag() {
  curl --silent --head --unix-socket "$WEBIZEN_SOCKET" "http://box/v1/storage/$1" | tr -d '\r' | sed -n 's/^[Ee][Tt][Aa][Gg]: //p'
}

# box_put KEY VALUE [ETAG]: only where that is still stored; with an empty one, only where nothing is.
box_put() {
  if [ $# -lt 3 ]; then set -- "$1" "$2" "accept: */*"
  elif [ -n "$3" ]; then set -- "$1" "$2" "if-match: $3"
  else set -- "$1" "$2" "if-none-match: *"; fi
  box PUT "/v1/storage/$1" --header "$3" --header 'content-type: text/plain' --data-binary "$2"
}

# box_json METHOD PATH JSON
box_json() {
  box "$1" "$2" --header 'content-type: application/json' --data "$3"
}

# box_events [options of curl]: a line of JSON for each, until the box closes the stream.
box_events() {
  box GET /v1/events --no-buffer "$@" | while IFS= read -r line; do
    case $line in 'data: '*) printf '%s\n' "${line#data: }" ;; esac
  done
}

# box_tunnel HOST PORT REQUEST: sends it to the server outside, and prints all that comes back, the box's answer first.
# The request has to ask the server to close. curl looks at no proxy behind a unix socket; as telnet it hands bytes on.
box_tunnel() {
  printf 'CONNECT %s:%s HTTP/1.1\r\nhost: %s:%s\r\n\r\n%b' "$1" "$2" "$1" "$2" "$3" |
    curl --silent --no-buffer --unix-socket "$WEBIZEN_SOCKET" --max-time 60 telnet://box
}
