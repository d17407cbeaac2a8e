# bash completion for weir
_weir() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' sub='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; elif [[ -z $sub ]]; then sub=${COMP_WORDS[i]}; fi ;;
        esac
    done
    case $prev in
    -o | --output) COMPREPLY=($(compgen -W 'table json csv' -- "$cur")); return ;;
    -z | --compression) COMPREPLY=($(compgen -W 'none gzip snappy lz4 zstd' -- "$cur")); return ;;
    --acks) COMPREPLY=($(compgen -W '0 1 all' -- "$cur")); return ;;
    --durability) COMPREPLY=($(compgen -W 'fsync os' -- "$cur")); return ;;
    --lenient-replication) COMPREPLY=($(compgen -W 'true false' -- "$cur")); return ;;
    --from) COMPREPLY=($(compgen -W 'beginning end' -- "$cur")); return ;;
    --to) COMPREPLY=($(compgen -W 'earliest latest' -- "$cur")); return ;;
    -F | --property-file | -c | --config | --data | --address-file | --kafka-config)
        COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    local common='--broker --property --property-file --config --data --ephemeral --durability --timeout-ms --read-only
        --help --version --output --ascii --no-color'
    if [[ $cur == -* ]]; then
        local more=''
        case $command in
        '') common='--broker --property --property-file --config --data --ephemeral --durability --timeout-ms --read-only
            --help --version --theme --ascii --no-color' ;;
        serve) common='--listen --advertise --insecure-listen --data --ephemeral --durability --address-file --set --config
            --kafka-config --lenient-replication --help' ;;
        topics) more='--internal --partitions --replication --set --yes --explain' ;;
        groups) more='--topic --to --to-datetime --yes --explain' ;;
        produce) more='--partition --key --key-delimiter --header --acks --compression --null --sync --verbose' ;;
        tail) more='--partition --exit --count --from --format --filter' ;;
        esac
        COMPREPLY=($(compgen -W "$common $more" -- "$cur"))
        return
    fi
    case $command in
    '') COMPREPLY=($(compgen -W 'serve hello topics groups produce tail cluster stop' -- "$cur")) ;;
    topics | groups)
        if [[ -z $sub ]]; then
            local words='list describe delete'
            [[ $command == topics ]] && words+=' create alter' || words+=' reset'
            COMPREPLY=($(compgen -W "$words" -- "$cur"))
        fi ;;
    esac
}
complete -F _weir weir
