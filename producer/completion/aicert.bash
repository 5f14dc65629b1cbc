# Completion of aicert(1) for bash.  Commands and options are those that the
# program's own help lists, so that they are always those of its version.

_aicert() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} words=

	if [ "$COMP_CWORD" -eq 1 ] ||
	    { [ "$COMP_CWORD" -eq 2 ] && [ "$command" = help ]; }; then
		words="--help --version $(aicert --help 2>/dev/null |
			sed -n 's/^  \([a-z-]*\)  .*/\1/p')"
	elif [ "$before" = --format ]; then
		words="card cyclonedx in-toto oms tlog-proof"
	elif [[ $word == -* ]]; then
		words="--help $(aicert help "$command" 2>/dev/null |
			grep -oE '(^ *|\[|\| |DIR )--[a-z][a-z-]*' |
			grep -oE -- '--[a-z][a-z-]*$')"
	elif [ "$COMP_CWORD" -eq 2 ] && [ "$command" = tpm-sim ]; then
		words="init reset start stop"
	elif [ "$COMP_CWORD" -eq 2 ] && [ "$command" = policy ]; then
		words=init
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _aicert aicert
