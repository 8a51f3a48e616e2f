# Shared by `up` and `down`: where things live, and how processes are found again.
DATA=${DAGU_DEV_DATA:-/var/lib/dagu-edge-dev}
RUN=${DAGU_DEV_RUN:-/run/dagu-edge-dev}
REGISTRY_PORT=${DAGU_DEV_REGISTRY_PORT:-5080}
PRIVATE_PORT=${DAGU_DEV_PRIVATE_PORT:-5081}
POSTGRES_PORT=${DAGU_DEV_POSTGRES_PORT:-5499}
ROOTLESS_USER=dagu-edge-dev
BRIDGE=daguedge0
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" LC_ALL=C

say() { echo "dev: $*" >&2; }
die() { echo "dev: error: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "run it as root: engines need cgroups, bridges and mounts"
# A unix socket's path holds 107 bytes, and container ids go below this folder.
[ ${#RUN} -le 40 ] || die "DAGU_DEV_RUN is too long"

# A pid file holds the pid and its start time, so that a stale one never names a stranger.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
is_alive() {
  local pid started
  [ -r "$RUN/pid/$1" ] || return 1
  read -r pid started <"$RUN/pid/$1"
  [ -n "$pid" ] && [ "$(start_time "$pid")" = "$started" ]
}
answers() { [ -S "$1" ] && [ "$(curl -s -m 5 --unix-socket "$1" http://engine/_ping)" = OK ]; }
remove_containers() { # remove_containers SOCKET
  local id
  for id in $(curl -s -m 20 --unix-socket "$1" 'http://engine/v1.41/containers/json?all=1' | grep -o '"Id":"[0-9a-f]\{64\}"' | cut -d'"' -f4); do
    curl -s -m 30 -o /dev/null --unix-socket "$1" -X DELETE "http://engine/v1.41/containers/$id?force=1&v=1" || true
  done
}
