#!/bin/sh
# Installs the packages of a lock file into .venv, and tries to install the system packages of pyzbar and the browser tests.
#
#   scripts/bootstrap.sh run|dev [browser]
#
# Needs only Python 3.11 or later with pip; silent and fast (milliseconds) when all is installed.
# PYTHON names the interpreter; the environment is recreated when its version differs.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 UV_NO_PROGRESS=1

venv=.venv
stamp=$venv/scanback.stamp

say() { printf '%s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

# What an environment depends on: the lock and its content, the interpreter, and the folder (see install_ourselves).
state() {
    say "$1"
    cksum <"requirements/$1.lock"
    grep '^version' $venv/pyvenv.cfg
    pwd
}

is_current() { [ -x $venv/bin/python ] && [ -f $stamp ] && [ "$(cat $stamp)" = "$(state "$1")" ]; }

fits() { "$1" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or later."
        say "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if fits $candidate; then
            say $candidate
            return
        fi
    done
    fail "Python 3.11 or later is needed, and none was found. Name yours with PYTHON=..."
}

# Checked only when PYTHON is set: otherwise the environment keeps its interpreter.
is_of_another_version() {
    [ -n "${PYTHON:-}" ] && [ -x $venv/bin/python ] &&
        [ "$("$PYTHON" -V)" != "$($venv/bin/python -V)" ]
}

make_environment() {
    $venv/bin/python -c '' 2>/dev/null && return
    "$python" -m venv --without-pip --clear $venv # without pip: Debian keeps ensurepip in another package
}

# The interpreter's own pip works inside the environment, which is allowed where system-wide pip is forbidden (PEP 668).
pip_install() { "$python" -m pip --python $venv/bin/python install -q --require-hashes -r "requirements/$1.lock"; }

install_locked() {
    lock=$1
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        $venv/bin/python -m ensurepip -q 2>/dev/null || fail "$python has no pip; install it (python3-pip) first."
    fi
    say "Installing what requirements/$lock.lock lists into $venv"
    # First with uv's own certificates, then with the system's, as behind a company's proxy.
    if pip_install installer 2>$venv/uv.log &&
        { uv_sync "$lock" 2>>$venv/uv.log || uv_sync "$lock" --system-certs 2>>$venv/uv.log; }; then
        return
    fi
    say "uv could not do it (see $venv/uv.log); pip does, which takes a few minutes."
    pip_install "$lock"
}

uv_sync() {
    lock=$1
    shift
    $venv/bin/uv pip sync -q --python $venv/bin/python --require-hashes --compile-bytecode "$@" "requirements/$lock.lock"
}

# A path file and a small script: building a wheel would fetch a build backend that is in no lock.
install_ourselves() {
    pwd >"$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/scanback.pth"
    cat >$venv/bin/scanback <<'EOF'
#!/bin/sh
exec "$(dirname "$0")/python" -P -m backend.cli "$@"
EOF
    chmod 755 $venv/bin/scanback
}

within() {
    if command -v timeout >/dev/null; then
        timeout -k 5 "$@"
    else # macOS
        perl -e 'alarm shift; exec @ARGV' "$@"
    fi
}

# Installs a system package: system_package SECONDS DEBIAN_NAME [BREW_NAME]. Its output goes to a log.
system_package() {
    if command -v apt-get >/dev/null; then
        as_root=
        if [ "$(id -u)" != 0 ]; then
            as_root="sudo -n"
            $as_root true 2>/dev/null || return 1
        fi
        install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=20 $2"
        # The package list is fetched only when it is old or missing, because that is slow.
        within "$1" $as_root env DEBIAN_FRONTEND=noninteractive sh -c "$install || { apt-get update && $install; }"
    elif [ -n "${3:-}" ] && command -v brew >/dev/null; then
        within "$1" brew install "$3"
    else
        return 1
    fi
}

# once NAME FUNCTION...: a failed attempt is not repeated until the environment is recreated.
once() {
    tried=$venv/$1.tried
    shift
    [ -e "$tried" ] || "$@" </dev/null
    : >"$tried"
}

want_zbar() {
    $venv/bin/python -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("zbar"))' && return
    system_package 60 libzbar0 zbar >$venv/zbar.log 2>&1 ||
        say "libzbar0 could not be installed (see $venv/zbar.log): pictures are read by zxing-cpp alone."
}

want_browser() {
    for name in chromium chromium-browser google-chrome; do
        command -v $name >/dev/null && return
    done
    system_package 300 chromium >$venv/browser.log 2>&1 ||
        say "chromium could not be installed (see $venv/browser.log): the browser tests are left out."
}

wanted=${1:?run or dev}
# An environment for development also runs the product; it is never reduced to the smaller one.
if [ "$wanted" = run ] && [ -f $stamp ] && [ "$(head -n 1 $stamp)" = dev ]; then
    wanted=dev
fi
if is_of_another_version; then
    rm -rf $venv
fi
if ! is_current "$wanted"; then
    python=$(choose_python)
    make_environment
    install_locked "$wanted"
    install_ourselves
    state "$wanted" >$stamp
fi
once zbar want_zbar
if [ "${2:-}" = browser ]; then
    once browser want_browser
fi
