# Sourced by the other scripts: finds or makes all that they need. Each step leaves a stamp, the hash of what it was made from, and is
# skipped as long as that is the same. Nothing is asked; messages go to stderr.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
python=$venv/bin/python
page=$root/frontend

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

hash_of() { # of text on stdin
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

is_current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; } # stamp file, hash

one_at_a_time() { # two scripts started together wait for each other's set-up; released with `exec 9<&-`
    exec 9<"$root/pyproject.toml"
    if command -v flock >/dev/null; then flock 9; fi
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    stop "Propylon needs Python 3.11, 3.12 or 3.13, which was not found; install one and run this again."
}

make_venv() {
    local base
    base=$(find_python)
    if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then # Debian keeps them in a package of their own
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
            stop "This Python cannot make virtual environments; install its venv package (Debian: python3-venv) and run this again."
        apt_install "$("$base" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    "$base" -m venv --clear "$venv" </dev/null
}

apt_install() {
    apt-get update -qq </dev/null >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

setup_python() { # [dev]: with what the tests need
    local want stamp
    want=$({ printf '%s\n' "$root"; cat "$root/pyproject.toml" "$root/constraints.txt"; } | hash_of)
    stamp=$venv/.propylon-dev
    if [ "${1-}" != dev ] && ! is_current "$stamp" "$want"; then stamp=$venv/.propylon; fi
    if [ -x "$python" ] && is_current "$stamp" "$want"; then return; fi
    say "Setting up the Python environment (once, some minutes on a slow line) ..."
    "$python" -c '' 2>/dev/null || make_venv
    if [ "${1-}" = dev ]; then set -- --group dev; else set --; fi
    (
        cd "$root"
        pip=("$python" -m pip --disable-pip-version-check --no-input)
        # --group is known from 25.1 on.
        "$python" -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (25, 1))' || "${pip[@]}" install --quiet 'pip>=25.1'
        "${pip[@]}" install --quiet --constraint constraints.txt --editable '.[agent]' "$@"
    ) </dev/null >&2
    printf '%s\n' "$want" >"$stamp"
}

need_node() {
    local enough='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
    command -v npm >/dev/null && node -e "$enough" 2>/dev/null ||
        stop "Propylon's page is built with Node.js 20.19 or newer, which was not found; install it and run this again."
}

npm_run() { (cd "$page" && env -u NODE_ENV npm --no-update-notifier run --silent "$@" </dev/null); }

setup_node() {
    local want
    want=$(cat "$page/package.json" "$page/package-lock.json" "$page/.npmrc" | hash_of)
    if is_current "$page/node_modules/.propylon" "$want"; then return; fi
    need_node
    say "Installing what the page is built with (once) ..."
    (cd "$page" && env -u NODE_ENV npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error </dev/null >&2) &&
        printf '%s\n' "$want" >"$page/node_modules/.propylon"
}

setup_page() { # frontend/dist, built from the sources as they are
    local want
    want=$(
        cd "$page"
        find . \( -name node_modules -o -name dist -o -path ./test-results \) -prune -o -type f -print0 |
            LC_ALL=C sort -z | xargs -0 cksum | hash_of
    )
    if [ -f "$page/dist/index.html" ] && is_current "$page/dist/.stamp" "$want"; then return; fi
    need_node
    setup_node || return
    say "Building the page ..."
    npm_run build >&2 && printf '%s\n' "$want" >"$page/dist/.stamp"
}

setup_chromium() { # exports PROPYLON_TEST_CHROMIUM: the machine's, else Debian's package, else Playwright's download
    local found=$venv/.propylon-chromium candidate
    if [ -n "${PROPYLON_TEST_CHROMIUM-}" ]; then return; fi
    if ! [ -x "$(cat "$found" 2>/dev/null)" ]; then
        find_chromium >"$found" || {
            say "Installing Chromium for the tests (once) ..."
            if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt_install chromium || true; fi
            find_chromium >"$found" || playwright_chromium >"$found"
        }
    fi
    candidate=$(cat "$found")
    export PROPYLON_TEST_CHROMIUM=$candidate
}

find_chromium() {
    local candidate
    for candidate in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
        # Ubuntu's is a stub that only runs where snaps do: ask it.
        if candidate=$(command -v "$candidate") && "$candidate" --version </dev/null >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

playwright_chromium() {
    local with_deps=
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then with_deps=--with-deps; fi
    "$python" -m playwright install $with_deps chromium </dev/null >&2
    "$python" -c 'from playwright.sync_api import sync_playwright as p
with p() as playwright: print(playwright.chromium.executable_path)'
}

setup_nginx() { # for the tests behind a real proxy, which are skipped without it
    if PATH=$PATH:/usr/sbin command -v nginx >/dev/null || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return; fi
    say "Installing nginx for the tests (once) ..."
    apt_install nginx-light || say "nginx could not be installed; the tests behind it are skipped."
}
