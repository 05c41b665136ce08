# SPDX-License-Identifier: Apache-2.0
# bash completion for fastdpctl

# Fields of the daemon's lists that may be meant; nothing without a daemon.
_fastdpctl_ask() {
	local socket=$1 fields=$3 question

	read -ra question <<<"$2"
	timeout 2 fastdpctl ${socket:+--socket "$socket"} --json "${question[@]}" \
		2>/dev/null |
		sed -nE "s/^ *\"($fields)\": \"([A-Za-z0-9_.:-]+)\",?\$/\\2/p" |
		sort -u
}

_fastdpctl_namespaces() {
	local path

	for path in /run/netns/*; do
		[[ ${path##*/} =~ ^[A-Za-z0-9_.:-]+$ ]] && echo "${path##*/}"
	done
}

# Not `compgen -W`, which would run what a word quotes.
_fastdpctl_words() {
	local word

	for word in $1; do
		[[ $word == "$2"* ]] && COMPREPLY+=("$word")
	done
}

_fastdpctl_files() {
	local files

	mapfile -t files < <(compgen -f -- "$1")
	COMPREPLY+=("${files[@]}")
}

# The value of an option; false when the word before takes none.
_fastdpctl_value() {
	local option=$1 cur=$2

	case $option in
	--socket | --config | --data | --facts)
		_fastdpctl_files "$cur"
		;;
	--netns)
		_fastdpctl_words "$(_fastdpctl_namespaces)" "$cur"
		[[ $cur == */* ]] && _fastdpctl_files "$cur"
		;;
	--ifname)
		_fastdpctl_words eth0 "$cur"
		;;
	--address | --mac | --network | --container-id | --owner) ;;
	*) return 1 ;;
	esac
	return 0
}

_fastdpctl_argument() {
	local verb=$1 socket=$2 cur=$3

	case $verb in
	"peer remove")
		_fastdpctl_words "$(_fastdpctl_ask "$socket" peers \
			'name|nickname')" "$cur"
		;;
	why)
		_fastdpctl_words "$(_fastdpctl_ask "$socket" directory \
			'mac|owner_nickname')" "$cur"
		;;
	"ipam release")
		_fastdpctl_words "$(_fastdpctl_ask "$socket" "ipam list" \
			network)" "$cur"
		;;
	"ipam reclaim")
		_fastdpctl_words "$(_fastdpctl_ask "$socket" "ipam list" \
			'id|nickname')" "$cur"
		;;
	log-level)
		_fastdpctl_words "error warn info debug" "$cur"
		;;
	esac
}

_fastdpctl() {
	local cur prev verb="" socket="" n_arguments=0 i
	local verbs="status peers peer ports directory flows why attach detach
		expose hide metrics log-level reload reset ipam doctor"
	local options="--socket --json --help"

	COMPREPLY=()
	# Readline splits words at colons, of which addresses are full.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		local words cword
		_get_comp_words_by_ref -n : cur prev words cword
	else
		local words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
		cur=${words[cword]} prev=${words[cword - 1]}
	fi

	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--socket)
			socket=${words[++i]}
			;;
		--netns | --ifname | --address | --mac | --network | \
			--container-id | --owner | --config | --data | --facts)
			((i++))
			;;
		-*) ;;
		*)
			if [[ $verb == peer || $verb == ipam ]]; then
				verb+=" ${words[i]}"
			elif [[ $verb ]]; then
				((n_arguments++))
			else
				verb=${words[i]}
			fi
			;;
		esac
	done

	_fastdpctl_value "$prev" "$cur" && return
	case $verb in
	attach)
		options+=" --netns --ifname --address --mac --network"
		options+=" --container-id --trust"
		;;
	detach) options+=" --netns --ifname" ;;
	reset) options+=" --force" ;;
	"ipam free") options+=" --owner" ;;
	doctor) options+=" --config --data --facts --quick" ;;
	"") options+=" --version" ;;
	esac
	if [[ $cur == -* ]]; then
		_fastdpctl_words "$options" "$cur"
	elif [[ -z $verb ]]; then
		_fastdpctl_words "$verbs" "$cur"
	elif [[ $verb == peer ]]; then
		_fastdpctl_words "add remove" "$cur"
	elif [[ $verb == ipam ]]; then
		_fastdpctl_words "list free release reclaim" "$cur"
	elif ((n_arguments == 0)); then
		_fastdpctl_argument "$verb" "$socket" "$cur"
	fi
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}

complete -F _fastdpctl fastdpctl
