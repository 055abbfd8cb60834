#!/bin/sh
# After a deployment: the app answers, everything that it depends on answers it, and strangers are refused in our shape.
set -eu
url=$SERVICE_API_URL
answer() { curl --silent --show-error --max-time 60 --output /dev/null --write-out '%{http_code}' "$@" || true; }

for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
    ready=$(answer "$url/ready")
    [ "$ready" = 200 ] && break
    echo "Attempt $attempt: /ready answers $ready. New roles take some minutes to take effect; waiting."
    sleep 15
done
if [ "$ready" != 200 ]; then
    echo "Not ready. What is missing:" >&2
    curl --silent --max-time 60 "$url/ready" >&2
    exit 1
fi
expect() {
    got=$(answer "$3")
    [ "$got" = "$2" ] || { echo "$1: expected $2, got $got." >&2; exit 1; }
    echo "$1: $got"
}
expect 'alive' 200 "$url/health"
expect 'without a key' 401 "$url/v1/models"
expect 'no such path' 404 "$url/v1/no-such-thing"
echo "$url is up."
