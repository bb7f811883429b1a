# shellcheck shell=bash
# Completion of ub for bash: asks ub itself, so it knows what that ub knows.

_ub () {
	local word=${COMP_WORDS[COMP_CWORD]} verb='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-r|--repo|-p|--password-file) i=$((i + 1)) ;;
		-*) ;;
		*) verb=${COMP_WORDS[i]}; break ;;
		esac
	done
	if [[ -z $verb || $verb = help ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(ub help 2>/dev/null | sed -n 's/^    \([a-z-]*\) .*/\1/p')" -- "$word")
	elif [[ $word = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"$(ub "$verb" -h 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}
complete -o filenames -F _ub ub
