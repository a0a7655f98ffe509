#!/usr/bin/env bash
# Source this after setting every option variable to its default, then `. parse_options.sh`:
#
#   --foo-bar VALUE   sets ${foo_bar}; --foo_bar is the same. It must stand between the lines
#                     "# options" and "# end of options" of the script, as help.sh reads them
#   --config FILE     is sourced first, so options of the command line win over it
#   --help            prints ${help_message} and leaves
#   --print_config    prints every option with its final value, as a --config FILE has them, and
#                     leaves
#
# ${option_aliases} lists former names as "OLD=NEW ...": they are taken with a warning.
#
# A variable that holds true or false takes only these. Parsing stops at the first word that
# is no option; what is left stays in "$@". The manner is Kaldi's; an error ends the script.

_parse_error() { echo "$0: $* (see --help)" >&2; exit 1; }
_warn_of_alias() { echo "$0: WARNING: ${1%%=*} is now ${1#*=}; the old name will be removed" >&2; }

for _alias in ${option_aliases:-}; do unset "${_alias%%=*}"; done  # of the environment

# Options that must come before the others: help and the file of defaults.
for ((_index = 1; _index <= $#; _index++)); do
    case "${!_index}" in
        --help|-h)
            printf '%s\n' "${help_message:-$0: no help is written}"
            exit 0 ;;
        --config)
            _next=$((_index + 1))
            _file=${!_next:-}
            [ -r "${_file}" ] || _parse_error "--config: cannot read '${_file}'"
            # shellcheck source=/dev/null
            . "${_file}" ;;
    esac
done
for _alias in ${option_aliases:-}; do
    _name=${_alias%%=*}
    if [ -n "${!_name+set}" ]; then
        _warn_of_alias "${_alias}"
        printf -v "${_alias#*=}" '%s' "${!_name}"
    fi
done

_print=false
while [ $# -gt 0 ]; do
    case "$1" in
        --print_config) _print=true; shift; continue ;;
        --*=*) _parse_error "write '${1%%=*} ${1#*=}' instead of '$1'" ;;
        --*) ;;
        *) break ;;
    esac
    [ $# -ge 2 ] || _parse_error "$1 needs a value"
    _name=${1#--}
    _name=${_name//-/_}
    if [ "${_name}" != config ]; then
        [[ ${_name} =~ ^[a-zA-Z][a-zA-Z0-9_]*$ ]] || _parse_error "$1 is no option"
        for _alias in ${option_aliases:-}; do
            [ "${_alias%%=*}" = "${_name}" ] || continue
            _warn_of_alias "${_alias}"
            _name=${_alias#*=}
        done
        # Any variable that is set would do otherwise: --HOME, or one of the script's own.
        # Not grep -q: it leaves at the first match, and sed, cut off, would fail the pipe.
        sed -n '/^# options/,/^# end of options/p' "$0" | grep "^${_name}=" > /dev/null \
            || _parse_error "unknown option $1"
        case "${!_name}" in
            true|false)
                case "$2" in true|false) ;; *) _parse_error "$1 takes true or false, not '$2'" ;; esac ;;
        esac
        printf -v "${_name}" '%s' "$2"
    fi
    shift 2
done
if "${_print}"; then
    # Their names are read from the script itself, as help.sh does.
    sed -n '/^# options/,/^# end of options/s/^\([a-z][a-z0-9_]*\)=.*/\1/p' "$0" | while read -r _name; do
        printf '%s=%q\n' "${_name}" "${!_name}"
    done
    exit 0
fi
unset _name _index _next _file _print _alias
