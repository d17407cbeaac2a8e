# bash completion for weir
#
# Names of topics and groups are asked of the cluster where the line says which (-b or -c): without that a
# question could start a broker.

# The names of topics or of groups, those that need no quotes.
_weir_names() {
    local what=$1
    shift
    [[ $# -gt 0 ]] || return
    command weir "$what" list -o csv --timeout-ms 2000 "$@" 2>/dev/null | sed -n '2,$s/^\([[:alnum:]._-]*\),.*/\1/p'
}

_weir() {
    # Not COMP_WORDS: they are cut at the colon of HOST:PORT and at the = of NAME=VALUE.
    local typed=${COMP_LINE:0:COMP_POINT} cur='' prev='' command='' sub='' taker='' word
    local -a line on=() plain=()
    read -ra line <<<"$typed"
    if [[ $typed != *[[:space:]] ]]; then
        cur=${line[${#line[@]} - 1]}
        unset "line[${#line[@]} - 1]"
    fi
    for word in "${line[@]:1}"; do
        prev=$word
        if [[ -n $taker ]]; then
            case $taker in
            -b | --broker | -c | --config | -X | --property | -F | --property-file) on+=("$taker" "$word") ;;
            esac
            taker=''
            continue
        fi
        case $word in
        -[bXFcotpkKDHznf] | --broker | --property | --property-file | --config | --data | --durability | --timeout-ms | \
            --theme | --output | --partitions | --replication | --set | --topic | --to | --to-datetime | --partition | \
            --key | --key-delimiter | --delimiter | --header | --acks | --compression | --rate | --count | --from | \
            --format | --filter | --listen | --advertise | --address-file | --kafka-config | --lenient-replication)
            taker=$word ;;
        -*) ;;
        *) plain+=("$word") ;;
        esac
    done
    command=${plain[0]-} sub=${plain[1]-}
    case $taker in
    -o | --output) COMPREPLY=($(compgen -W 'table json csv' -- "$cur")); return ;;
    -z | --compression) COMPREPLY=($(compgen -W 'none gzip snappy lz4 zstd' -- "$cur")); return ;;
    --acks) COMPREPLY=($(compgen -W '0 1 all' -- "$cur")); return ;;
    --durability) COMPREPLY=($(compgen -W 'fsync os' -- "$cur")); return ;;
    --lenient-replication) COMPREPLY=($(compgen -W 'true false' -- "$cur")); return ;;
    --from) COMPREPLY=($(compgen -W 'beginning end' -- "$cur")); return ;;
    --to) COMPREPLY=($(compgen -W 'earliest latest' -- "$cur")); return ;;
    -t | --topic) COMPREPLY=($(compgen -W "$(_weir_names topics "${on[@]}")" -- "$cur")); return ;;
    -F | --property-file | -c | --config | --data | --address-file | --kafka-config)
        COMPREPLY=($(compgen -f -- "$cur")); return ;;
    ?*) COMPREPLY=(); return ;;
    esac
    if [[ $cur == -* ]]; then
        local more='' common='--broker --property --property-file --config --data --ephemeral --durability --timeout-ms
            --timeout-ms --read-only --help'
        case $command${sub:+ $sub} in
        '') common+=' --version --theme --ascii --no-color' ;;
        serve*) common='--listen --advertise --insecure-listen --data --ephemeral --durability --address-file --set --config
            --kafka-config --lenient-replication --help' ;;
        stop) ;;
        *) common+=' --output --ascii --no-color' ;;
        esac
        case $command${sub:+ $sub} in
        topics | 'topics list' | 'topics describe') more='--internal --regex' ;;
        'topics create') more='--partitions --replication --set --explain' ;;
        'topics alter') more='--partitions --set --explain' ;;
        'topics delete' | 'groups delete') more='--yes --explain' ;;
        groups | 'groups list') more='--regex' ;;
        'groups describe') more='--regex --topic --members' ;;
        'groups reset') more='--to --to-datetime --topic --yes --explain' ;;
        produce*) more='--partition --key --key-delimiter --delimiter --lines --header --acks --compression --null --sync
            --rate --count --verbose' ;;
        tail*) more='--partition --exit --count --from --format --filter' ;;
        esac
        COMPREPLY=($(compgen -W "$common $more" -- "$cur"))
        return
    fi
    case $command${sub:+ $sub} in
    '') COMPREPLY=($(compgen -W 'serve hello topics groups produce tail cluster stop' -- "$cur")) ;;
    topics) COMPREPLY=($(compgen -W 'list describe create alter delete' -- "$cur")) ;;
    groups) COMPREPLY=($(compgen -W 'list describe reset delete' -- "$cur")) ;;
    'topics create') COMPREPLY=() ;;
    topics\ * | tail | produce | hello) COMPREPLY=($(compgen -W "$(_weir_names topics "${on[@]}")" -- "$cur")) ;;
    groups\ *) COMPREPLY=($(compgen -W "$(_weir_names groups "${on[@]}")" -- "$cur")) ;;
    produce\ *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
}
complete -F _weir weir
