#!/usr/bin/env bash
# Source this for `options_help FILE`: the help text of a script, read from the script itself.
#
# Between the lines "# options" and "# end of options", "## TITLE" is a heading,
# "name=default  # TEXT" an option, and every other comment is text. What is not listed there is
# no option, so the help cannot lack one.

options_help() {
    awk '
        /^# end of options/ { exit }
        /^# options/ { listing = 1; next }
        !listing { next }
        /^## / { printf "\n%s\n", substr($0, 4); next }
        /^#/ { printf "  %s\n", substr($0, 3); next }
        /^[a-z0-9_]+=/ {
            name = substr($0, 1, index($0, "=") - 1)
            rest = substr($0, index($0, "=") + 1)
            split(rest, halves, / +# /)
            value = halves[1] == "" ? "none" : halves[1]
            printf "  %-28s %s (%s)\n", "--" name, halves[2], value
        }' "$1"
}
