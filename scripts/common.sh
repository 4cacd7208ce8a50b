# Read by the other scripts: where they build, their headlines, and installing what is missing.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-$PWD/target}"
unset RUSTFLAGS

# layer TEXT: a headline, with the seconds since the start.
layer() {
    printf '\n== %s  (at %d s)\n' "$*" $SECONDS
}

# with NAME FLAGS COMMAND…: runs a command with compiler flags, and with a build directory for them.
with() {
    CARGO_TARGET_DIR="$target/$1" RUSTFLAGS="-Dwarnings $2" "${@:3}"
}

# packages NAME…: installs those Debian packages that are missing.
packages() {
    dpkg --status "$@" > /dev/null 2>&1 && return
    local root
    root=$([ "$(id -u)" = 0 ] || echo sudo)
    $root apt-get update --quiet=2
    $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet=2 --yes --no-install-recommends "$@" > /dev/null
}

# command_of CRATE: installs a cargo command that is missing.
command_of() {
    command -v "$1" > /dev/null || cargo install --quiet --locked "$1"
}
