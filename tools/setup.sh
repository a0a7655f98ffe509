#!/usr/bin/env bash
# Install espnet2_ext with ESPnet and PyTorch; a second run with the same options is instant.
set -euo pipefail

help_message=$(cat << 'EOF'
Usage: tools/setup.sh [options]

Makes a virtual environment, installs ESPnet, PyTorch, this project (editable), PyAV and the
generated corpus' synthesiser in the pinned versions of tools/constraints-py*.txt, and
checks the result. ESPnet is 202511 on Python 3.11 and 202611 on 3.12 and 3.13.

Options:
  --python PY            interpreter that makes the environment (default: the first of
                         python3.11 python3.12 python3.13 python3 that is 3.11 to 3.13)
  --venv DIR             where the environment is made (default: tools/venv)
  --use_current_python   install into the python3 on PATH (conda, container); no environment
  --torch_version V      another PyTorch, 2.11 to 2.14 (default: 2.11.0); torchaudio stays 2.11
  --cuda_index URL       package index with PyTorch builds for your CUDA; PyTorch's
                         "Get started" page names one for each version
  --dev, --no_dev        with or without the tools for tests and lint (default: without)
  --force                install even where the stamp of an earlier run says it is done
  --help                 this text
EOF
)

caller=${PWD}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=${PWD}
python=
venv=${root}/tools/venv
use_current_python=false
torch_version=2.11.0
cuda_index=
dev=false
force=false

say() { echo "[setup] $*"; }
fail() { echo "[setup] ERROR: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
    option=${1//-/_}
    case "${option}" in
        __help|_h) echo "${help_message}"; exit 0 ;;
        __use_current_python) use_current_python=true ;;
        __dev) dev=true ;;
        __no_dev) dev=false ;;
        __force) force=true ;;
        __python|__venv|__torch_version|__cuda_index)
            [ $# -ge 2 ] || fail "$1 needs a value (see --help)"
            printf -v "${option#__}" '%s' "$2"
            shift ;;
        *) fail "unknown option $1 (see --help)" ;;
    esac
    shift
done

# Paths are meant from where the script was called.
case "${venv}" in /*) ;; *) venv=${caller}/${venv} ;; esac
case "${python}" in /*) ;; */*) python=${caller}/${python} ;; esac

# Print 3.11, 3.12 or 3.13 and succeed if the interpreter works and is one of them.
supported_version() {
    "$1" -c 'import sys; v = sys.version_info[:2]; print("%d.%d" % v); sys.exit(not (3, 11) <= v <= (3, 13))' \
        2> /dev/null
}

# Set ${python}, the interpreter to install into or to make the environment with.
choose_python() {
    local candidate found
    if "${use_current_python}"; then python=python3; fi
    if [ -n "${python}" ]; then
        found=$(supported_version "${python}") \
            || fail "${python} is Python ${found:-(not runnable)}; 3.11, 3.12 or 3.13 is needed (--python PY)"
        return
    fi
    for candidate in python3.11 python3.12 python3.13 python3; do
        if supported_version "${candidate}" > /dev/null; then python=${candidate}; return; fi
    done
    fail "no Python 3.11, 3.12 or 3.13 on PATH; install one or name it with --python PY"
}

# One line that says why pip failed, from its log.
explain() {
    if grep -q "No space left on device" "$1"; then
        echo "the disk is full; the environment needs about 7 GB"
    elif grep -qiE "Connection ?Error|NewConnectionError|Temporary failure in name resolution|ProxyError|ConnectTimeout|Network is unreachable|Read timed out" "$1"; then
        echo "the package index cannot be reached; check the network, proxy or --cuda_index"
    elif grep -qE "No matching distribution found|ResolutionImpossible" "$1"; then
        grep -hE "No matching distribution found|ResolutionImpossible" "$1" | tail -n 1 | sed 's/^ERROR: //'
    elif grep -qE "command '?[^ ]*(gcc|g\+\+|cc)'? failed|unable to execute" "$1"; then
        echo "a package needs a C++ compiler (for example: apt-get install build-essential)"
    else
        grep -hE "^ *(ERROR|error)" "$1" | tail -n 1 || true
    fi
}

# Run pip with its output in the log; on failure say the cause and where to read on.
run_pip() {
    local log=$1; shift
    if ! "${python}" -m pip install --progress-bar off --no-compile "$@" >> "${log}" 2>&1; then
        fail "$(explain "${log}") (log: ${log#"${root}"/})"
    fi
}

# Install one group of packages unless its stamp says that these very files and options did.
install_group() {
    local group=$1 extras=$2 stamp fingerprint log started=${SECONDS}
    stamp=${prefix}/.espnet2_ext-${group}
    fingerprint=$(cat setup.py "${constraints}" <(echo "${group} ${root} ${torch_version} ${cuda_index}") \
        | sha256sum | cut -d ' ' -f 1)
    if ! "${force}" && [ "$(cat "${stamp}" 2> /dev/null)" = "${fingerprint}" ]; then
        say "${group}: already installed"
        return
    fi
    log=${root}/tools/.setup-${group}.log
    : > "${log}"
    say "${group}: installing (log: ${log#"${root}"/}) ..."
    sed "s/^torch==.*/torch==${torch_version}/" "${constraints}" > "${root}/tools/.setup-constraints.txt"
    run_pip "${log}" --constraint "${root}/tools/.setup-constraints.txt" \
        ${cuda_index:+--extra-index-url "${cuda_index}"} --editable "${root}[${extras}]"
    installed=true
    echo "${fingerprint}" > "${stamp}" || say "cannot write ${stamp}: the next run will install again"
    say "${group}: done in $((SECONDS - started)) s"
}

if ! "${use_current_python}" && [ -z "${python}" ] && supported_version "${venv}/bin/python" > /dev/null; then
    python=${venv}/bin/python
else
    choose_python
    if ! "${use_current_python}"; then
        wanted=$(supported_version "${python}")
        if [ "$(supported_version "${venv}/bin/python" || true)" != "${wanted}" ]; then
            if [ -n "$(ls -A "${venv}" 2> /dev/null)" ] && [ ! -f "${venv}/pyvenv.cfg" ]; then
                fail "${venv} exists and is no virtual environment; name another with --venv"
            fi
            say "environment: making ${venv#"${root}"/} with Python ${wanted} (${python})"
            "${python}" -m venv --clear "${venv}" \
                || fail "cannot make ${venv}; on Debian and Ubuntu install python${wanted}-venv"
        fi
        python=${venv}/bin/python
    fi
fi
python=$("${python}" -c 'import os, sys; print(os.path.abspath(sys.executable))')
prefix=$("${python}" -c 'import sys; print(sys.prefix)')
version=$(supported_version "${python}")
constraints=tools/constraints-py312.txt
espnet=202611
if [ "${version}" = 3.11 ]; then
    constraints=tools/constraints-py311.txt
    espnet=202511
fi
say "Python ${version}, ESPnet ${espnet}, PyTorch ${torch_version}, in ${prefix#"${root}"/}"

installed=false
install_group core mini,audio
if "${dev}"; then install_group dev all; fi
echo "${python}" > tools/.setup-python
if "${installed}"; then
    "${python}" tools/check_install.py || fail "the installation is not complete, see the table above"
fi
