# SPDX-License-Identifier: MIT
# Words of concordctl for bash: commands, verbs of `app`, the names of apps and
# the fields of their settings, asked of the running service.
# shellcheck shell=bash

_concordctl_ask() { # the options that say which service are the line's own
    concordctl "${_concordctl_opts[@]}" "$@" 2>/dev/null </dev/null
}

_concordctl_apps() {
    _concordctl_ask app list | awk 'NR > 1 { print $1 }'
}

# "sign-up=" each; of one that is begun, what it may be.
_concordctl_fields() { # APP WORD
    case $2 in
    *=*)
        _concordctl_ask app configure "$1" | awk -v f="${2%%=*}" '
            $1 == f && match($0, /: one of [^[(]*/) {
                n = split(substr($0, RSTART + 9, RLENGTH - 9), v, /, */)
                for (i = 1; i <= n; i++) { sub(/ +$/, "", v[i]); print v[i] }
            }
            $1 == f && /: true or false/ { print "true"; print "false" }'
        ;;
    *)
        _concordctl_ask app configure "$1" | awk '/^  [^ ]/ { print $1 "=" }'
        ;;
    esac
}

_concordctl_app() { # words after "app", the last one is begun
    local verb=$1 word=${!#} name=$2

    if [ $# -eq 1 ]; then
        echo list add enable disable configure reload remove
        return
    fi
    case $verb in
    enable | disable | reload | remove)
        _concordctl_apps
        [ "$verb" != disable ] || echo --whole
        ;;
    configure)
        if [ $# -eq 2 ]; then
            _concordctl_apps
        else
            [ -n "${word##-*}" ] && _concordctl_fields "$name" "$word"
            case $word in
            *=*) ;;
            *) echo --history --revert --json ;;
            esac
        fi
        ;;
    list) echo --json ;;
    esac
}

_concordctl() {
    local line i words=() word
    local -a _concordctl_opts=()

    # COMP_WORDS is cut at "=": the line's own words are not.
    line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    [ "${line: -1}" != " " ] || words+=("")
    word=${words[-1]}
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        case ${words[i]} in
        --link | --domain)
            _concordctl_opts+=("${words[i]}" "${words[i + 1]}")
            ((i++))
            ;;
        --*) _concordctl_opts+=("${words[i]}") ;;
        *) break ;;
        esac
    done
    if ((i >= ${#words[@]} - 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(_concordctl_ask --help |
            awk '/^  [a-z]/ { print $1 }' | sort -u) help" -- "$word")
        return
    fi
    case ${words[i]} in
    app)
        mapfile -t COMPREPLY < <(compgen -W "$(_concordctl_app \
            "${words[@]:i+1}")" -- "${word##*=}")
        # Fields end with "=": their values follow at once.
        case "${COMPREPLY[*]}" in *=) compopt -o nospace 2>/dev/null ;; esac
        ;;
    doctor)
        mapfile -t COMPREPLY < <(compgen -W "--nginx --apache --caddy --print \
            --check --url --http --idle --only --json --ca --cert --key --dns \
            --anchor --https-port --timeout" -- "$word")
        ;;
    agent)
        mapfile -t COMPREPLY < <(compgen -W "--www --once --purge" -- "$word")
        [ "${words[-2]}" != --www ] ||
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
        ;;
    do)
        mapfile -t COMPREPLY < <(compgen -W "$(_concordctl_ask do |
            awk '{ print $1 }')" -- "$word")
        ;;
    esac
}

complete -o default -F _concordctl concordctl
