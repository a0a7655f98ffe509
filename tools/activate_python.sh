#!/usr/bin/env bash
# Source this to use the interpreter that tools/setup.sh installed into:  . tools/activate_python.sh
# ESPNET2_EXT_PYTHON, where set, names another interpreter.
# Names start with _espnet2_ext_ because a sourced file shares its caller's variables.

_espnet2_ext_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
_espnet2_ext_python=${_espnet2_ext_tools}/venv/bin/python
if [ -n "${ESPNET2_EXT_PYTHON:-}" ]; then
    _espnet2_ext_python=${ESPNET2_EXT_PYTHON}
elif [ -s "${_espnet2_ext_tools}/.setup-python" ]; then
    read -r _espnet2_ext_python < "${_espnet2_ext_tools}/.setup-python"
fi
if [ -x "${_espnet2_ext_python}" ]; then
    _espnet2_ext_bin=$(dirname "${_espnet2_ext_python}")
    case ":${PATH}:" in
        *":${_espnet2_ext_bin}:"*) ;;
        *) export PATH="${_espnet2_ext_bin}:${PATH}" ;;
    esac
    # Only a virtual environment has this file; conda and system interpreters need no more.
    if [ -f "${_espnet2_ext_bin}/../pyvenv.cfg" ]; then
        VIRTUAL_ENV=$(dirname "${_espnet2_ext_bin}")
        export VIRTUAL_ENV
    fi
else
    echo "activate_python.sh: ${_espnet2_ext_python} is not there; run tools/setup.sh first" >&2
    false
fi
